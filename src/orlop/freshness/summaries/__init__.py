"""Reports as other programs and pages take them: Markdown, JUnit, SARIF, GitHub's commands. Pure: reports in, text out."""
