#!/bin/sh
# Installs Tillwatch from this folder, without a network:
#
#     ./install.sh /opt/tillwatch [python3.11]
#
# It checks every file, makes an environment with this folder's wheels alone, and puts the command at
# /opt/tillwatch/bin/tillwatch. Nothing outside that folder is written.
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:-/opt/tillwatch}
read -r wanted cpu < "$here/built-for"
python=${2:-python$wanted}

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "Python $wanted must be installed, found no $python"
found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$found" = "$wanted" ] || fail "Python must be $wanted, for which this bundle was built, got $found of $python"
[ ! -e "$prefix/venv" ] || fail "$prefix/venv must not be there yet: remove it, or choose another folder"

(cd "$here" && sha256sum --quiet --strict --check SHA256SUMS) || fail "a file has not the checksum of SHA256SUMS"

mkdir -p "$prefix/bin" "$prefix/cache"
"$python" -m venv --without-pip "$prefix/venv"
set -- "$here"/wheels/pip-*.whl
"$prefix/venv/bin/python" "$1/pip" --quiet --disable-pip-version-check install --no-index --no-deps --no-cache-dir \
    --require-hashes --find-links "$here/wheels" --requirement "$here/requirements.txt"
cp -R "$here/cache/tillwatch" "$prefix/cache/"
cp -R "$here/systemd" "$here/docs" "$here/grafana.sql" "$prefix/"
cat > "$prefix/bin/tillwatch" <<END
#!/bin/sh
# Machine code is kept in $prefix/cache, compiled for processors of the kind: $cpu.
export TILLWATCH_CACHE="\${TILLWATCH_CACHE:-$prefix/cache}" NUMBA_CPU_NAME="\${NUMBA_CPU_NAME:-$cpu}"
exec "$prefix/venv/bin/tillwatch" "\$@"
END
chmod 755 "$prefix/bin/tillwatch"
# Compiles what the bundle's machine code does not fit, for half a minute or more; else it takes seconds.
"$prefix/bin/tillwatch" warm
chmod -R u=rwX,go=rX "$prefix"
"$prefix/bin/tillwatch" --version
