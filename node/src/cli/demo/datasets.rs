//! The demonstration's datasets: three servers have one, and one of them lies.

use std::path::PathBuf;

use dataset::climate::{self, Climate, Layout};
use dataset::dap::{self, Format};
use dataset::netcdf::NetCdf;
use dataset::source::Source;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Steps;
use crate::cli::Failure;
use crate::cli::dataset::check::trust_table;
use crate::cli::text::{self, say};
use crate::demo::Demo;
use crate::gateway::Sample;

/// The dataset's name.
const NAME: &str = "climate";

/// Publishes a dataset, reads it and finds the liar. Says nothing if the demonstration is too small for it.
pub(super) async fn show(demo: &Demo, steps: &mut Steps) -> Result<(), Failure> {
    let Some((gateway, liar, [publisher, mirror])) = demo.dataset_nodes() else { return Ok(()) };
    let name = NAME.parse()?;
    let (one, other) = written(demo).await?;
    let prepared = demo.publish(publisher, &name, &one, true).await?;
    demo.mirror(mirror, &name, &other).await?;
    demo.mirror(liar, &name, &other).await?;
    steps.done(
        "published a dataset from three nodes",
        &format!("{} of values, every byte signed; one of the three lies", text::bytes(prepared.bytes)),
    );
    let Some(address) = gateway.services.gateway().map(|gateway| gateway.address()) else { return Ok(()) };
    let expected = tokio::task::spawn_blocking(move || render(one)).await??;
    let got = body(&address.to_string(), &format!("/{NAME}.dods")).await?;
    if got != expected {
        return Err(Failure::new("what the gateway delivered is not what was published"));
    }
    steps.done("read it through a gateway, as DAP clients do", "equal to the file, byte for byte");
    let reports = gateway.services.reading().check_servers(NAME, Sample::Groups(4)).await;
    let reports = reports.map_err(|refusal| Failure::new(refusal.message))?;
    let lied: Vec<&str> = reports.iter().filter(|report| report.lied).map(|report| report.id.as_str()).collect();
    let right = reports.iter().filter(|report| report.wrong.is_none()).count();
    if (lied, right) != (vec![liar.handle.status().await?.id.to_string().as_str()], 2) {
        return Err(Failure::new("the look at the servers has not shown who lies"));
    }
    let figures = format!("the liar is in cell {}, and is not asked again", liar.cell);
    steps.done("looked at all its servers", &figures);
    say(format_args!("\n{}\n", indented(&trust_table(&gateway.services.trust()))));
    Ok(())
}

/// What to try with it.
pub(super) fn invite(demo: &Demo) -> Option<String> {
    let (gateway, ..) = demo.dataset_nodes()?;
    let (url, api) = (format!("http://{}/{NAME}", gateway.services.gateway()?.address()), gateway.api);
    Some(format!(
        "\n  ncdump -h {url}\n  python3 -c 'import xarray; print(xarray.open_dataset(\"{url}\"))'\n  \
         rook dataset get {NAME} -o climate.nc --api {api}; rook trust --api {api}\n  and {url} in a browser"
    ))
}

/// The synthetic climate in two layouts: the same values, other bytes.
async fn written(demo: &Demo) -> Result<(PathBuf, PathBuf), Failure> {
    let (one, other) = (demo.folder().join("climate.nc"), demo.folder().join("climate-in-netcdf4.nc"));
    let (first, second) = (one.clone(), other.clone());
    let write = move || {
        climate::write(&first, &Climate::SMALL, Layout::Classic)?;
        climate::write(&second, &Climate::SMALL, Layout::Hdf5)
    };
    tokio::task::spawn_blocking(write).await??;
    Ok((one, other))
}

/// What a DAP client should get.
fn render(file: PathBuf) -> Result<Vec<u8>, Failure> {
    let source = NetCdf::open_path(&file)?;
    let body = dap::plan(Format::Dods, NAME, source.description(), "")?;
    Ok(dap::render(body, &source)?)
}

/// The body of what a gateway answers.
async fn body(host: &str, path: &str) -> Result<Vec<u8>, Failure> {
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.map_or(answer.len(), |end| end + 4));
    match head.starts_with(b"HTTP/1.0 200") || head.starts_with(b"HTTP/1.1 200") {
        true => Ok(body.to_vec()),
        false => Err(Failure::new(format!("the gateway answered {}", String::from_utf8_lossy(&answer)))),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect::<String>().trim_end().to_owned()
}
