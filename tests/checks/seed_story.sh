#!/bin/sh
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
#
# What a user of VectorLink does on the first day, by curl against a fresh
# daemon: indexes a commit, waits for its task, asks questions, looks for similar
# documents and duplicates, indexes the next commit, gives it a second name, and
# asks again at the older one. The pages and their vectors are those of the
# replaying embedding server, of the folder COPSE_SHARED_DIR or of `shared`
# beside the source folder.
#
#   seed_story.sh BUILD_FOLDER
#
# Exits 1 if an answer is not what the story tells, and 77 without pages.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
shared=${COPSE_SHARED_DIR:-$here/../../../shared}
replay=$shared/tools/replay_embedding_server.py
if [ ! -e "$replay" ]; then
  echo "SKIPPED: no replaying embedding server in $shared"
  exit 77
fi
copsed=$(find "$1" -name copsed -type f -perm -u+x | head -n 1)
work=$(mktemp -d)
daemon=
provider=

stop() {
  status=$?
  trap - EXIT INT TERM
  for process in $daemon $provider; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  [ "$status" -eq 0 ] || tail -n 20 "$work/copsed.log" >&2 || true
  rm -rf "$work"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

title() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
wait_for() { # wait_for FILE: until it is there and not empty
  tries=0
  until [ -s "$1" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || fail "$1 did not come"
    sleep 0.1
  done
}

python3 "$here/write_pages.py" "$replay" "$work" 6000
python3 "$replay" --port 0 --key story >"$work/provider.out" &
provider=$!
wait_for "$work/provider.out"
cat >"$work/copsed.yaml" <<YAML
embedding:
  url: $(sed 's/.* //' "$work/provider.out")
  model: minilm
  dimension: 384
  api_key_env: STORY_KEY
free_space_min_bytes: 1MiB
YAML
STORY_KEY=story "$copsed" --config "$work/copsed.yaml" --data "$work/data" \
  --grpc-address 127.0.0.1:0 --http-address localhost:0 \
  --metrics-address 127.0.0.1:0 --ready-file "$work/ready" \
  >"$work/copsed.log" 2>&1 &
daemon=$!
wait_for "$work/ready"
address=$(sed -n 's/.*"http_address": *"\([^"]*\)".*/\1/p' "$work/ready")

ask() { # ask ARGUMENT...: curl, shown as a user would type it
  printf '$ curl' >&2
  for word in "$@"; do printf " '%s'" "$word" >&2; done
  printf '\n' >&2
  curl -sS -u admin:root "$@"
  printf '\n'
}
url() { printf 'http://%s/%s' "$address" "$1"; }

index() { # index COMMIT FILE [PARENT]
  task=$(ask -X POST -H 'Content-Type: application/x-ndjson' \
    --data-binary "@$work/$2" \
    "$(url "push?domain=tldr/pages&target_commit=$1${3:+&parent_commit=$3}")")
  echo "$task"
  tries=0
  until curl -sS -u admin:root "$(url "check?task_id=$task")" |
    tee "$work/check" | grep -q Complete; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "task $task: $(cat "$work/check")"
    sleep 0.3
  done
  cat "$work/check"
  echo
}
search() { # search COMMIT QUESTION [MORE]
  ask -G --data-urlencode "q=$2" \
    "$(url "search?domain=tldr/pages&commit=$1&count=3${3:-}")"
}

title "The pages after 6,000 commits are one commit: a push, and its task"
index old old.ndjson
title "Questions"
search old "compress a directory into an archive"
search old "which process is listening on a network port" "&mode=vector"
search old "rename many files with a regular expression" "&mode=fts"
search old "show who last changed each line of a file" "&snippet=true" |
  tee "$work/blame"
grep -q 'tldr:///common/git-blame' "$work/blame" || fail "git-blame not found"
title "Similar documents, and what a user is about to type"
ask "$(url "similar?domain=tldr/pages&commit=old&id=tldr:///common/tar&count=3")"
ask "$(url "suggest?domain=tldr/pages&commit=old&q=compress&count=1")"
title "Near-duplicates"
ask "$(url "duplicates?domain=tldr/pages&commit=old&threshold=0.01&count=3")" |
  tee "$work/duplicates"
grep -q '"group"' "$work/duplicates" || fail "no duplicates"
title "What has changed since is the next commit, with a second name"
index new new.ndjson old
ask -X POST -o /dev/null -w '%{http_code}' \
  "$(url 'assign?domain=tldr/pages&source_commit=new&target_commit=release')" |
  tee "$work/assign"
grep -q 204 "$work/assign" || fail "no second name"
search release "search text in files recursively and very fast" "&mode=vector"
title "The older commit answers as before"
search old "show who last changed each line of a file" "&snippet=true" \
  >"$work/again"
cat "$work/again"
cmp "$work/blame" "$work/again" || fail "the older commit answers otherwise"
ask "$(url 'last-indexed?domain=tldr/pages')"
ask "$(url 'statistics?domain=tldr/pages')"
