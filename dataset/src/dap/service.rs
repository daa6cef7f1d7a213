//! What a server says of itself: `.ver` and `.help`.

use super::{Body, text_body};

/// Plans the versions.
pub(super) fn version() -> Body {
    let text =
        format!("Core version: DAP/2.0\nAlso spoken: DAP/4.0\nServer version: rook/{}\n", env!("CARGO_PKG_VERSION"));
    text_body("text/plain; charset=utf-8", "dods-version", String::new(), text)
}

/// Plans the help.
pub(super) fn help(dataset: &str) -> Body {
    let text = format!(
        "Ask for {dataset} with one of these suffixes:\n\
         \n\
         .dds      its variables (DAP2)\n\
         .das      their attributes (DAP2)\n\
         .dods     their values (DAP2)\n\
         .ascii    their values as text\n\
         .dmr.xml  its variables and attributes (DAP4)\n\
         .dap      their values (DAP4)\n\
         .ver      versions\n\
         \n\
         Behind a question mark, what of it you want: .dods?v,w[0:9],g[0][0:2:10] has indices as [start:stride:stop];\n\
         .dods?table.a,table.b&table.a>=3.5&table.b=~\"^x\" has conditions on a table's rows; .dap?dap4.ce=/v[0:9];/w and\n\
         &dap4.checksum=true. Clients add the suffixes by themselves: xarray.open_dataset(\"http://host/{dataset}\").\n"
    );
    text_body("text/plain; charset=utf-8", "dods-help", String::new(), text)
}
