#!/bin/sh
# From a fresh machine to everything built; says what it does, and nothing where there is nothing to do.
#   tools/setup.sh            what `./wharf` needs: packages, node_modules, dist/
#   tools/setup.sh --tests    also what the tests need
#   tools/setup.sh --peers    also today's container programs in a root of their own (tools/peers)
set -eu
cd "$(dirname "$0")/.."

kinds=build peers=
for option; do
  case $option in
    --tests) kinds="build test" ;;
    --peers) kinds="build test" peers=yes ;;
    *) sed -n '3,5s/^# *//p' tools/setup.sh >&2; exit 2 ;;
  esac
done

say() { printf 'wharf: %s\n' "$*" >&2; }
# fail WHAT [HOW TO MEND IT]
fail() { say "$1"; [ -z "${2-}" ] || say "to mend it: $2"; exit 1; }
# logged WHAT-FAILED COMMAND...: the output goes to the log; its end is shown when the command fails
logged() {
  what=$1; shift
  "$@" > build/setup.log 2>&1 && return
  tail -n 15 build/setup.log >&2
  fail "$what (the whole output: build/setup.log)"
}

mkdir -p build
command -v flock > /dev/null || fail "the command flock is missing" "install util-linux"
exec 9> build/.setup.lock
flock -n 9 || { say "another set-up is running here, waiting for it"; flock 9; }

# is_there PROOF: a command, or a pattern of files
is_there() {
  case $1 in
    /*) for file in $1; do [ -e "$file" ] && return 0; done; return 1 ;;
    *) command -v "$1" > /dev/null ;;
  esac
}

missing_packages() {
  while read -r kind package proof _; do
    case " $kinds " in *" $kind "*) is_there "$proof" || printf '%s ' "$package" ;; esac
  done < tools/packages.txt
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  set -- apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 $missing
  # the package lists may be there and good: fetching them again is slow
  if ls /var/lib/apt/lists/*_Packages* > /dev/null 2>&1 && "$@" > build/setup.log 2>&1 < /dev/null; then return; fi
  logged "apt-get update failed" apt-get update -o DPkg::Lock::Timeout=300
  logged "apt-get could not install: $missing" "$@"
}

missing=$(missing_packages)
if [ -n "$missing" ]; then
  missing=${missing% }
  command -v apt-get > /dev/null ||
    fail "these are missing, and there is no apt-get to install them: $missing" "install what your system calls them; the list with reasons is tools/packages.txt"
  [ "$(id -u)" = 0 ] || fail "these Debian packages are missing: $missing" "sudo apt-get install $missing"
  say "installing Debian packages: $missing"
  install_packages
  missing=$(missing_packages)
  [ -z "$missing" ] || fail "installed, but still not found: $missing" "tools/packages.txt says what is looked for"
fi

# node_modules carries the key of what it was installed from, so that removing it is enough to start again
key=$(cat package-lock.json .npmrc | sha256sum)
if [ "$(cat node_modules/.wharf-key 2> /dev/null)" != "$key" ]; then
  command -v npm > /dev/null || fail "npm is missing" "apt-get install nodejs npm, or https://nodejs.org"
  [ "$(uname -m)" = x86_64 ] || fail "Wharf runs on x86_64 only so far, this machine is $(uname -m)"
  say "installing npm packages"
  logged "npm ci failed" npm ci --loglevel=error < /dev/null
  printf '%s\n' "$key" > node_modules/.wharf-key
fi

: > build/ready.new # its time is that of the beginning: what is edited meanwhile counts as newer
tools/node tools/build.ts < /dev/null 9>&- || fail "the build failed"
mv build/ready.new build/ready

[ -z "$peers" ] || tools/peers setup < /dev/null 9>&- || fail "the peers root could not be made"
