# Shared by the scripts here: what to install, and how. Sourced, not run.

# What building needs.
BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config libuv1-dev libboost-context-dev libssl-dev libsqlite3-dev
  libsodium-dev libgsasl-dev libconfuse-dev libidn2-dev libjansson-dev libutf8proc-dev uthash-dev
  zlib1g-dev libunbound-dev dns-root-data libcurl4-openssl-dev ca-certificates"
# What the tests need besides: the test framework, and the mail programs that people have.
TEST_PACKAGES="libcmocka-dev python3 python3-pytest python3-pytest-xdist openssl procps iproute2 mandoc
  curl swaks libnet-ssleay-perl msmtp fetchmail getmail6 mpop isync offlineimap3 imapfilter mutt neomutt alpine
  dovecot-core dovecot-submissiond nsd unbound ldnsutils"
# Postfix takes the place of any other mail server, so where there is one it is done without (its tests are skipped).
dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
  grep '^installed .*mail-transport-agent' | grep -qv '^installed postfix ' || TEST_PACKAGES="$TEST_PACKAGES postfix"
# Debian's Exim is no neighbour of Postfix: it is unpacked, not installed (unpack_package); these are its libraries.
TEST_PACKAGES="$TEST_PACKAGES libdb5.3 libgnutls-dane0 libidn12 libnsl2 libpcre2-8-0"
# Node.js is wanted from whatever source it came.
command -v node >/dev/null && command -v npm >/dev/null || TEST_PACKAGES="$TEST_PACKAGES nodejs npm"
# What .ci/run needs besides.
CI_PACKAGES="clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev git"

say() {
  printf '%s\n' "$*" >&2
}

# Installs those of the named Debian packages that are missing.
install_packages() {
  local missing=""
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  local as_root=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { say "these Debian packages are missing, and only root can install them:$missing"; return 1; }
    as_root="sudo"
  fi
  say "installing:$missing"
  # shellcheck disable=SC2086,SC2016
  $as_root env DEBIAN_FRONTEND=noninteractive sh -c "$INSTALL" install $missing >&2
}

# As root: installs the packages that are its arguments. Daemons among them are for the tests to start, on ports of their own:
# none starts now (policy-rc.d, which Debian's packages ask) or when this machine starts again (masked).
INSTALL='
  set -e
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap "rm -f /usr/sbin/policy-rc.d" EXIT
    printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
  fi
  for package in "$@"; do
    case $package in
      dovecot-core) daemon=dovecot ;;
      nsd | unbound | postfix) daemon=$package ;;
      *) continue ;;
    esac
    ! command -v systemctl >/dev/null || systemctl --quiet mask "$daemon.service"
  done
  apt-get -q update
  apt-get -q install -y --no-install-recommends --no-remove "$@"
'

# unpack_package PACKAGE DIR: the files of a Debian package below DIR, without installing it. Nothing when they are there.
unpack_package() {
  [ ! -d "$2" ] || return 0
  local folder
  folder=$(mktemp -d)
  (cd "$folder" && apt-get -q download "$1" && dpkg -x "$1"_*.deb unpacked) >&2 && mkdir -p "$(dirname "$2")" && mv "$folder/unpacked" "$2"
  local result=$?
  rm -rf "$folder"
  return $result
}

# The compiler's cache, where there is one, makes rebuilds quick.
compiler() {
  if command -v ccache >/dev/null; then echo "ccache $1"; else echo "$1"; fi
}

# configure DIR [meson options]: makes the build folder, or brings an existing one to these options.
configure() {
  local folder=$1
  shift
  if [ -f "$folder/build.ninja" ]; then
    meson configure "$folder" "$@" >&2
  else
    CC=$(compiler "${CC:-gcc}") meson setup "$folder" "$@" >&2
  fi
}
