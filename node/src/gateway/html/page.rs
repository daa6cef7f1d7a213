//! The catalogue, and the page of a dataset: what is in it, a form to ask for a part, and a quick plot.

use std::fmt::Write;

use dataset::model::{Attribute, Description, Kind, Values};

use super::escape;

const STYLE: &str = "
:root{color-scheme:light}body{font:15px/1.5 system-ui,sans-serif;color:#223;background:#f5f7fa;margin:0}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
a{color:#1b6ca8}code,pre,input,output{font:13px/1.5 ui-monospace,monospace}pre{background:#18222f;color:#dfe8f2;padding:.8rem 1rem;border-radius:6px;overflow-x:auto}
table{border-collapse:collapse;width:100%;background:#fff;border-radius:6px;overflow:hidden}th,td{text-align:left;padding:.35rem .7rem;border-bottom:1px solid #e6eaf0;vertical-align:top}th{background:#eaeff5;font-weight:600}
.badge{display:inline-block;border-radius:99px;padding:.05rem .6rem;font-size:.8rem;background:#d9f2e3;color:#0b5a2f}.warn{background:#fde9cf;color:#7a4300}
details{background:#fff;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}summary{cursor:pointer}summary small{color:#667}
fieldset{border:0;padding:.3rem 0;margin:0}label{margin-right:1rem}input{width:5.2rem;border:1px solid #b9c4d0;border-radius:4px;padding:.1rem .3rem}
button{font:inherit;border:1px solid #1b6ca8;background:#1b6ca8;color:#fff;border-radius:4px;padding:.15rem .8rem;margin:.3rem .4rem .3rem 0;cursor:pointer}button.plain{background:#fff;color:#1b6ca8}
img.plot{display:block;max-width:100%;margin:.5rem 0;border-radius:6px}.muted{color:#667}
";

/// Asks for what the fields say: a plot, text, or the link for a program.
const SCRIPT: &str = "
const hyperslab=form=>form.dataset.name+[...form.querySelectorAll('fieldset')].map(f=>{
 const [a,s,b]=[...f.querySelectorAll('input')].map(i=>i.value.trim());return `[${a}:${s}:${b}]`}).join('');
document.querySelectorAll('form[data-name]').forEach(form=>form.addEventListener('submit',event=>{event.preventDefault();
 const query='?'+encodeURIComponent(hyperslab(form)),what=event.submitter.value,base=form.dataset.base;
 const output=form.querySelector('output');output.textContent=base+what+query;
 if(what!=='.svg'){location.href=base+what+query;return}
 fetch(base+'.svg'+query).then(async answer=>{const image=form.querySelector('img');image.hidden=!answer.ok;
  if(answer.ok)image.src=URL.createObjectURL(await answer.blob());else output.textContent=await answer.text()})}));
";

/// One dataset in the catalogue.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct Entry {
    /// Its name: the first part of its address.
    pub(in crate::gateway) name: String,
    /// One line on it.
    pub(in crate::gateway) about: String,
    /// How many servers have it.
    pub(in crate::gateway) servers: usize,
}

/// What a dataset's page shows besides its description.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct About<'a> {
    /// The dataset's name.
    pub(in crate::gateway) name: &'a str,
    /// Its whole address without a suffix.
    pub(in crate::gateway) url: &'a str,
    /// The hash that names its version.
    pub(in crate::gateway) version: String,
    /// Whether the publisher has signed every byte of it.
    pub(in crate::gateway) is_signed: bool,
    /// Who has it: name, cell, standing.
    pub(in crate::gateway) servers: Vec<[String; 3]>,
}

/// The catalogue.
pub(in crate::gateway) fn catalogue(base: &str, entries: &[Entry]) -> String {
    let mut rows = String::new();
    for Entry { name, about, servers } in entries {
        let (name, about) = (escape(name), escape(about));
        // Writing to a `String` cannot fail.
        _ = write!(rows, "<tr><td><a href=\"/{name}\">{name}</a></td><td>{about}</td><td>{servers}</td></tr>");
    }
    let list = match entries {
        [] => "<p>No dataset is known here yet. Publish one with <code>rook dataset add NAME FILE --server</code>, or open one \
               by its name: <code>/NAME</code>.</p>"
            .to_owned(),
        _ => format!("<table><tr><th>dataset</th><th></th><th>servers</th></tr>{rows}</table>"),
    };
    let body = format!(
        "<h1>Datasets</h1><p>From servers of the grid; what they send is checked before you get it. \
         <a href=\"/catalog.json\">as JSON</a></p>{list}<h2>Reading one</h2><pre>{}</pre>",
        escape(&format!("import xarray\nxarray.open_dataset(\"{base}/NAME\")"))
    );
    document("Datasets", &body)
}

/// A dataset of several files.
pub(in crate::gateway) fn files(name: &str, paths: &[String]) -> String {
    let mut rows = String::new();
    for path in paths {
        let path = escape(path);
        _ = write!(rows, "<tr><td><a href=\"/{}/{path}\">{path}</a></td></tr>", escape(name));
    }
    let title = escape(name);
    document(
        name,
        &format!("<p><a href=\"/\">Datasets</a></p><h1>{title}</h1><table><tr><th>file</th></tr>{rows}</table>"),
    )
}

/// The page of a dataset, or of one of its files.
pub(in crate::gateway) fn dataset(about: &About<'_>, description: &Description) -> String {
    let mut body = head(about);
    body.push_str("<h2>Variables</h2>");
    for place in 0..description.variables.len() {
        body.push_str(&variable_form(about, description, place));
    }
    body.push_str("<h2>About it</h2>");
    body.push_str(&attributes(&description.attributes));
    body.push_str(&servers(about));
    document(about.name, &body)
}

fn head(about: &About<'_>) -> String {
    let (name, url) = (escape(about.name), escape(about.url));
    let badge = match about.is_signed {
        true => "<span class=\"badge\">every byte is proved against the publisher's signature</span>",
        false => "<span class=\"badge warn\">not signed byte by byte: answers are compared between servers</span>",
    };
    let lines = format!(
        "xarray.open_dataset(\"{u}\")\nnetCDF4.Dataset(\"{u}\")\npydap.client.open_url(\"{u}\", protocol=\"dap2\")\nncdump -h {u}",
        u = about.url
    );
    format!(
        "<p><a href=\"/\">Datasets</a></p><h1>{name}</h1><p>{badge}</p><p class=\"muted\">version <code>{}</code></p>\
         <p>Structure: <a href=\"{url}.dds\">.dds</a> · <a href=\"{url}.das\">.das</a> · <a href=\"{url}.dmr.xml\">.dmr</a></p>\
         <h2>Open it with</h2><pre>{}</pre>",
        about.version,
        escape(&lines)
    )
}

fn variable_form(about: &About<'_>, description: &Description, place: usize) -> String {
    let variable = &description.variables[place];
    let name = escape(&variable.name);
    let shape = description.shape(place);
    let names: Vec<_> = variable.dimensions.iter().map(|&axis| &description.dimensions[axis as usize].name).collect();
    let axes: Vec<_> = names.iter().zip(&shape).map(|(name, size)| format!("{} = {size}", escape(name))).collect();
    let mut fields = String::new();
    for (axis, (name, &size)) in names.iter().zip(&shape).enumerate() {
        // A plot shows two axes: of those before the last two the first index.
        let last = if axis + 2 < shape.len() { 0 } else { size.saturating_sub(1) };
        let stride = last.div_ceil(super::plot::CELLS).max(1);
        _ = write!(
            fields,
            "<fieldset><label>{}</label><input value=\"0\" aria-label=\"first\"> : <input value=\"{stride}\" \
             aria-label=\"stride\"> : <input value=\"{last}\" aria-label=\"last\"></fieldset>",
            escape(name)
        );
    }
    let is_text = matches!(variable.kind, Kind::Char | Kind::String);
    let plot = if is_text || shape.is_empty() { "" } else { "<button value=\".svg\">plot</button>" };
    format!(
        "<details><summary><b>{name}</b> <small>{:?} ({})</small></summary>{}<form data-name=\"{name}\" data-base=\"{}\">{fields}\
         {plot}<button class=\"plain\" value=\".ascii\">as text</button><button class=\"plain\" value=\".dods\">as DAP2 data</button>\
         <div><output class=\"muted\"></output></div><img class=\"plot\" alt=\"plot of {name}\" hidden></form></details>",
        variable.kind,
        axes.join(", "),
        attributes(&variable.attributes),
        escape(about.url),
    )
}

fn attributes(attributes: &[Attribute]) -> String {
    if attributes.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for attribute in attributes {
        let (name, value) = (escape(&attribute.name), escape(&shown(&attribute.values)));
        _ = write!(rows, "<tr><td>{name}</td><td>{value}</td></tr>");
    }
    format!("<table>{rows}</table>")
}

fn servers(about: &About<'_>) -> String {
    let mut rows = String::new();
    for [node, cell, standing] in &about.servers {
        let (node, cell, standing) = (escape(node), escape(cell), escape(standing));
        _ = write!(rows, "<tr><td><code>{node}</code></td><td>{cell}</td><td>{standing}</td></tr>");
    }
    format!("<h2>Servers</h2><table><tr><th>node</th><th>cell</th><th>standing</th></tr>{rows}</table>")
}

/// An attribute's values as people read them, the first hundred of them.
pub(in crate::gateway) fn shown(values: &Values) -> String {
    fn list<T: std::fmt::Display>(values: &[T]) -> String {
        let texts: Vec<_> = values.iter().take(100).map(ToString::to_string).collect();
        let more = if values.len() > 100 { format!(", and {} more", values.len() - 100) } else { String::new() };
        texts.join(", ") + &more
    }
    match values {
        Values::I8(values) => list(values),
        Values::U8(values) => list(values),
        Values::I16(values) => list(values),
        Values::U16(values) => list(values),
        Values::I32(values) => list(values),
        Values::U32(values) => list(values),
        Values::I64(values) => list(values),
        Values::U64(values) => list(values),
        Values::F32(values) => list(values),
        Values::F64(values) => list(values),
        Values::Text(text) => text.clone(),
        Values::Strings(texts) => list(texts),
    }
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{} - rook</title><style>{STYLE}</style><main>{body}</main><script>{SCRIPT}</script></html>",
        escape(title)
    )
}
