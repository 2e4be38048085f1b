#!/bin/sh
# Makes bubblewrap available where that needs no question; else says in one line how to get it.
command -v bwrap >/dev/null 2>&1 && exit 0
case "$(uname -s)" in
  Linux) ;;
  *) echo "note: bubblewrap is for Linux only; use --sandbox process here (no isolation)"; exit 0 ;;
esac
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing bubblewrap"
  { apt-get install -y -qq bubblewrap || { apt-get update -qq && apt-get install -y -qq bubblewrap; }; } >/dev/null 2>&1
  command -v bwrap >/dev/null 2>&1 && exit 0
fi
echo "note: bubblewrap is missing: sudo apt-get install bubblewrap (or dnf, pacman, zypper)"
