"""What clients cannot do with any server, with the reason; found against reference.py, which answers right."""
import re

NETCDF_DAP2 = "netcdf4|xarray-netcdf4|ncdump|nccopy|ncks"
LIMITS = [
    # (clients, datasets, what differs, why)
    (NETCDF_DAP2, "unicode_first", "illegal characters", "a name that begins with %XX is no name to netCDF's DAP2 client"),
    (NETCDF_DAP2, "escapes", r"^s(\[[\d:]*\])?: ", "netCDF's DAP2 client takes backslashes in string values for escapes"),
    ("ncdump", "escapes", "ncgen", "ncgen 4.9.0 crashes on some escaped characters"),
    ("ncks", "unicode", "tēma", "NCO looks for the decoded name, netCDF's client has the encoded one"),
    ("pydap-dap2|xarray-pydap", "escapes", r"^\w*:", "pydap's DAS parser does not undo escapes, and runs past an escaped backslash"),
    ("getdap", "escapes", "^v:(ends in backslash|after)", "its DAS is read with pydap's parser"),
    ("pydap-dap2|xarray-pydap", "unicode", "UnicodeDecodeError", "pydap reads string values as ASCII"),
    ("xarray-pydap", "percent", "KeyError: 'pro%cent'", "pydap decodes the name, and then does not find it"),
    ("getdap", "attributes|kinds", r"^\w*:(valid|list_f[48]|\w*f[48]|\w*dods_errors|tiny)", "libdap takes Inf and subnormals in a DAS for mistakes"),
    ("pydap-dap4", "percent", "pro%c", "pydap sends `%ce` of the name as it is, which means another character"),
    ("pydap-dap4", "unicode", "UnicodeEncodeError", "pydap makes string values ASCII"),
    ("netcdf4-dap4", ".*", r"^[^:\[]*:[^:\[]+: at .*float32.*; which is what netCDF's DAP4 client makes of that number$",
     "netCDF's DAP4 client reads -1 as -1.0000007 in a Float32 attribute; truth.garbled says exactly what it makes of each number"),
]


USED = set()


def unused():
    """What was never met."""
    return [limit for limit in LIMITS if limit not in USED]


def reason(client, dataset, what):
    """Why that difference is the client's doing; None if it is the server's."""
    for limit in LIMITS:
        who, where, which, why = limit
        if re.fullmatch(who, client) and re.fullmatch(where, dataset) and re.search(which, what):
            USED.add(limit)
            return why
    return None
