"""What every ``Source``, ``Target`` and ``Namespace`` has to do, as pytest classes to inherit from.

::

    class TestMyStore(TargetContract):
        @pytest.fixture
        def factory(self, tmp_path):
            return lambda: opened(MyStore(tmp_path))

``factory`` is called inside the running coroutine and gives an async context manager of the place; ``opened``
makes one of a ready object. What a place cannot do is said by a class attribute, and its tests are skipped.
"""

from __future__ import annotations

import pytest

# Before their import, so that a failing assert shows its values in every project, not in this one only.
pytest.register_assert_rewrite("orlop.testing.sourcecontract", "orlop.testing.targetcontract")

from orlop.testing.sourcecontract import SourceContract  # noqa: E402
from orlop.testing.suite import opened  # noqa: E402
from orlop.testing.targetcontract import NamespaceContract, TargetContract  # noqa: E402

__all__ = ["NamespaceContract", "SourceContract", "TargetContract", "opened"]
