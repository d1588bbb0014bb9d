#!/bin/sh
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Shows the main job on real input: indexes the commits of a git repository and
# asks the same question at the newest and at an older one.
#
#   demo.sh BUILD_FOLDER REPOSITORY
set -eu

bin=$1
repository=$2
work=$(mktemp -d)
daemon=

stop() {
  status=$?
  trap - EXIT INT TERM
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  if [ "$status" -ne 0 ] && [ -s "$work/copsed.log" ]; then
    printf '\nThe last lines of the daemon:\n' >&2
    tail -n 20 "$work/copsed.log" >&2
  fi
  rm -rf "$work"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { # run ARGUMENTS: shows the command as a user would type it
  printf '$ copse'
  for word in "$@"; do
    case $word in
      *[!A-Za-z0-9_./=:@-]*) printf " '%s'" "$word" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
  printf '\n'
  "$copse" --server "$address" "$@"
}

copsed=$(find "$bin" -name copsed -type f -perm -u+x | head -n 1)
copse=$(find "$bin" -name copse -type f -perm -u+x | head -n 1)
if [ -z "$copsed" ] || [ -z "$copse" ]; then
  echo "demo: copsed and copse are not built in $bin" >&2
  exit 1
fi
git -C "$repository" rev-parse --git-dir >/dev/null 2>&1 || {
  echo "demo: $repository is not a git repository; name one: ./dev demo PATH" >&2
  exit 1
}
git -C "$repository" rev-parse -q --verify HEAD >/dev/null || {
  echo "demo: $repository has no commit yet" >&2
  exit 1
}

title "Starting copsed in a temporary folder"
"$copsed" --data "$work/data" --grpc-address 127.0.0.1:0 \
  --http-address "" --metrics-address "" --ready-file "$work/ready.json" \
  >"$work/copsed.log" 2>&1 &
daemon=$!
tries=0
while [ ! -s "$work/ready.json" ]; do
  kill -0 "$daemon" 2>/dev/null || {
    wait "$daemon" || true
    daemon=
    echo "demo: copsed did not start" >&2
    exit 1
  }
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || { echo "demo: copsed is not ready" >&2; exit 1; }
  sleep 0.1
done
address=$(sed -n 's/.*"grpc_address": *"\([^"]*\)".*/\1/p' "$work/ready.json")
echo "copsed answers at $address"

branch=$(git -C "$repository" symbolic-ref -q --short HEAD || echo HEAD)
title "Indexing every commit of $repository ($branch)"
run git "$repository" --domain demo --branch "$branch"

newest=$(git -C "$repository" rev-parse HEAD)
count=$(git -C "$repository" rev-list --first-parent --count HEAD)
older=$(git -C "$repository" rev-list --first-parent HEAD | sed -n "$(((count + 1) / 2))p")
[ -n "$older" ] || older=$newest

answers() { # answers COMMIT QUESTION: the IDs of the documents found
  "$copse" --server "$address" --json search demo --commit "$1" -k 5 "$2" |
    python3 -c 'import json, sys
print(*(neighbor["id"] for neighbor in json.load(sys.stdin)["neighbors"]))'
}

# The question: the newest subject that is answered otherwise at the older
# commit, of commits that add files before others; else the newest subject.
question=
subjects=$(for filter in A AM; do
  git -C "$repository" log --first-parent --diff-filter=$filter --format=%s \
    -n 10 "$older..$newest"
done)
while [ -z "$question" ] && read -r subject; do
  if [ -n "$subject" ] &&
    [ "$(answers "$newest" "$subject")" != "$(answers "$older" "$subject")" ]; then
    question=$subject
  fi
done <<SUBJECTS
$subjects
SUBJECTS
[ -n "$question" ] || question=$(git -C "$repository" log -n 1 --format=%s HEAD)

title "A search at the newest commit"
run search demo --commit "$newest" -k 5 "$question"

title "The same search at an older commit ($((count / 2)) commits before)"
run search demo --commit "$older" -k 5 "$question"

title "Documents like the first answer"
id=$("$copse" --server "$address" --json search demo --commit "$newest" -k 1 \
  "$question" | python3 -c 'import json, sys
neighbors = json.load(sys.stdin)["neighbors"]
print(neighbors[0]["id"] if neighbors else "")')
if [ -n "$id" ]; then
  run similar demo --commit "$newest" -k 5 "$id"
else
  echo "the newest commit holds no text document"
fi

title "What changed between the two commits"
run diff demo "$older" "$newest" >"$work/diff.txt" 2>"$work/counts.txt"
head -n 12 "$work/diff.txt"
lines=$(wc -l <"$work/diff.txt")
[ "$lines" -le 12 ] || echo "... and $((lines - 12)) more lines"
cat "$work/counts.txt"

title "Statistics"
run stats demo

title "Done: copsed is stopped and its folder removed"
