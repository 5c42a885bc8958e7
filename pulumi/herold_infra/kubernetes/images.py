"""Images by digest: a tag says what somebody pushed last, a digest what was reviewed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

# registry/name@sha256:…; what stands in a stack's file as zeros is put there by whoever builds the image.
Image = Annotated[str, Field(pattern=r"^[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}$")]
