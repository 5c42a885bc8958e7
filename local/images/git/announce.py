#!/usr/bin/python3.11
"""Git's hook `post-receive`: Argo CD is told of a push, in the form of GitHub's webhook, signed.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#push. When it can't be told, the push holds all the
same: Argo CD looks by itself every few minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

SECRET = Path("/run/secrets/git/webhook/secret")
AUTHORITY = Path("/run/secrets/git/tls/ca.crt")
SECONDS = 5
BRANCH = "main"
# More than that are not named: then Argo CD looks at every Application, as it does when nobody told it what changed.
MOST_FILES = 5_000


def build_payload(url: str, before: str, after: str, ref: str, changed: list[str]) -> bytes:
    """What GitHub would say of a push to `ref` of the repository at `url`, as far as Argo CD reads it."""
    repository = {"html_url": url.removesuffix(".git"), "default_branch": BRANCH}
    commits = [{"id": after, "added": [], "modified": changed, "removed": []}] if changed else []
    return json.dumps(
        {"ref": ref, "before": before, "after": after, "repository": repository, "commits": commits}
    ).encode()


def find_changed(before: str, after: str) -> list[str]:
    """Paths that differ; none when they can't be told or are too many."""
    command = ["git", "diff-tree", "-r", "-z", "--no-renames", "--name-only", before, after]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []  # a new or a removed branch has no other side
    paths = [path.decode(errors="replace") for path in done.stdout.split(b"\0") if path]
    return paths if len(paths) <= MOST_FILES else []


def sign(secret: str, payload: bytes) -> dict[str, str]:
    """The headers of GitHub's webhook."""
    headers = {"Content-Type": "application/json", "X-GitHub-Event": "push"}
    for header, kind in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
        headers[header] = f"{kind}={hmac.new(secret.encode(), payload, getattr(hashlib, kind)).hexdigest()}"
    return headers


def main() -> int:
    """One line a branch: the commit before, the one that was pushed, its name."""
    secret, context = SECRET.read_text().strip(), ssl.create_default_context(cafile=str(AUTHORITY))
    for line in sys.stdin:
        before, after, ref = line.split()
        payload = build_payload(os.environ["HEROLD_GIT_URL"], before, after, ref, find_changed(before, after))
        headers = sign(secret, payload)
        request = urllib.request.Request(os.environ["HEROLD_GIT_WEBHOOK"], payload, headers)  # noqa: S310 -- the pod's own
        try:
            with urllib.request.urlopen(request, timeout=SECONDS, context=context):  # noqa: S310
                print("Argo CD was told", file=sys.stderr)
        except (OSError, urllib.error.URLError) as error:
            print(f"Argo CD was not told ({error}); it looks by itself every few minutes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
