"""Operations on images from any source."""
