# What the commands here share: packages, steps with a time limit, the build.
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

source=$(cd "$(dirname "$0")/.." && pwd -P)
logs=$source/build/log
export DEBIAN_FRONTEND=noninteractive

complain() {
    echo "${0##*/}: $*" >&2
}

# step NAME SECONDS COMMAND…: runs a command within its time limit, what it prints going to a log
# that is shown when it fails. In the foreground, so that ^C reaches what runs.
step() {
    name=$1 limit=$2 began=$(date +%s) log=$logs/$(echo "$1" | tr ' ' -).log
    shift 2
    mkdir -p "$logs"
    printf '  %-28s' "$name"
    if timeout --foreground --kill-after=30 "$limit" "$@" >"$log" 2>&1 </dev/null; then
        status=0
        printf 'ok    '
    else
        status=$?
        printf 'FAILED'
    fi
    printf ' %5d s\n' $(($(date +%s) - began))
    [ $status = 0 ] && return
    [ $status != 124 ] || echo "stopped after $limit s" >>"$log"
    { grep -A 25 '^FAIL' "$log" | head -n 80; tail -n 20 "$log"; } | sed 's/^/    | /'
    echo "    all of it: $log"
    return $status
}

packages() { # GROUP…: the packages of these groups
    for group; do
        sed -n "s/^$group  *\([^ ]*\).*/\1/p" "$source/scripts/packages"
    done | sed "s/3\.N/$(python_version)/"
}

# The 3.N of the system's python3; empty until the group build has brought it.
python_version() {
    /usr/bin/python3 -V 2>/dev/null | sed -n 's/^Python \(3\.[0-9]*\).*/\1/p'
}

# What of these packages dpkg does not have, on one line.
missing() {
    there=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        sed -n 's/ installed$//p')
    for package; do
        echo "$there" | grep -qxF "$package" || printf '%s ' "$package"
    done
}

# Who may install: nothing for root, sudo for who may use it, "no" for all others. Without a
# terminal sudo cannot ask for a password.
installer() {
    if [ "$(id -u)" = 0 ]; then
        return
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        echo sudo
    else
        echo no
    fi
}

# install_packages GROUP…: brings what is missing, and removes nothing. On another system than
# Debian and its kin it leaves it to configure to say what is missing.
install_packages() {
    command -v dpkg-query >/dev/null || return 0
    # shellcheck disable=SC2046
    wanted=$(missing $(packages "$@"))
    [ -n "$wanted" ] || return 0
    as=$(installer)
    if [ "$as" = no ]; then
        complain "these packages are missing: ${wanted% }; as root:"
        echo "    apt-get install --no-install-recommends ${wanted% }" >&2
        return 1
    fi
    echo "packages that are missing: ${wanted% }"
    # shellcheck disable=SC2086
    step "apt-get update" 600 $as apt-get -q update &&
        step "apt-get install" 3600 $as env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
            -o DPkg::Lock::Timeout=300 --no-install-recommends --no-remove install $wanted
}

# build FOLDER ARGUMENT…: makes, and configures first if nobody has: a folder that was configured by
# hand stays as it is, and make itself configures again when configure has changed.
build() {
    folder=$1
    shift
    mkdir -p "$source/$folder"
    [ -f "$source/$folder/Makefile" ] ||
        step "$folder: configure" 120 env -C "$source/$folder" ../configure "$@" || return
    step "$folder: make" 900 make -C "$source/$folder" -j "$(nproc)"
}
