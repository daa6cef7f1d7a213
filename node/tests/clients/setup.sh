#!/usr/bin/env bash
# Installs the third-party clients that conform.py reads datasets with: setup.sh VENV
set -euo pipefail
venv=${1:?usage: setup.sh VENV   (a folder for the virtual environment)}

missing=()
for pair in ncdump:netcdf-bin ncks:nco getdap:libdap-bin; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "setup.sh: these packages are missing: ${missing[*]}. Install them (Debian: apt-get install ${missing[*]})" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi

# Pinned, so that a new release of a client does not turn an old commit red.
packages=(netCDF4==1.7.5.1.post1 xarray==2026.9.0 pydap==3.5.9 numpy==2.4.6 requests==2.34.2 dask==2026.8.0
    "moto[server]==5.2.5" iris-sample-data==2.5.2)
stamp="$venv/.installed"
if [ "$(cat "$stamp" 2>/dev/null)" != "${packages[*]}" ]; then
    python3 -m venv "$venv" || { echo "setup.sh: no virtual environment: install python3-venv" >&2; exit 1; }
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
    echo "${packages[*]}" >"$stamp"
fi
