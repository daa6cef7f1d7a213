//! `rook demo`: a whole grid before one's eyes.

mod datasets;
mod picture;

use std::io::{IsTerminal, Write};
use std::time::Instant;

use rand::RngExt;

use super::signals::Signals;
use super::text::{self, say, table};
use super::{Failure, run};
use crate::demo::{self, Demo};
use crate::pointer::PointerText;
use crate::stamps::{self, Wanted};
use grid::parameters::Parameters;
use grid::record::{Record, Rules};

/// Start a whole grid on this machine, on throw-away data, and show what it does.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// How many nodes.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(2..=512))]
    nodes: u16,
    /// d, the number of axes.
    #[arg(long, default_value_t = 2)]
    dims: u8,
    /// g, the coordinates on each axis.
    #[arg(long, default_value_t = 2)]
    side: u16,
    /// End when everything has been shown, with status 0 if all went well.
    #[arg(long)]
    exit: bool,
}

/// Bytes of the file that is put and got.
const FILE_BYTES: usize = 100_000;

pub(super) async fn demo(args: DemoArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    run::raise_open_files();
    let parameters = demo::parameters(args.dims, args.side)?;
    tokio::select! {
        () = signals.wait() => return Err(Failure::interrupted("the demonstration was ended; its data is removed")),
        shown = show(&args, parameters) => {
            let demo = shown?;
            if !args.exit {
                invite(&demo);
                signals.wait().await;
                say("\nEnding; the data is removed.");
            }
            demo.end().await;
        }
    }
    Ok(())
}

/// Numbers the steps and times them.
struct Steps {
    begun: Instant,
    number: u32,
}

impl Steps {
    /// Shows a step that is done.
    fn done(&mut self, what: &str, figures: &str) {
        self.number += 1;
        let took = text::duration(self.begun.elapsed());
        say(format_args!("{:>2}  {what:<44} {took:>8}   {figures}", self.number));
        self.begun = Instant::now();
    }
}

async fn show(args: &DemoArgs, parameters: Parameters) -> Result<Demo, Failure> {
    let begun = Instant::now();
    let shape = parameters.shape;
    say(format_args!(
        "A grid of {} nodes on {} axes with {} coordinates each, {} cells, in this process.\n",
        args.nodes,
        shape.dims(),
        shape.side(),
        shape.cells()
    ));
    let mut steps = Steps { begun: Instant::now(), number: 0 };
    let mut demo = populate(args, parameters, &mut steps).await?;
    if let Some(picture) = picture::picture(shape, &demo.population()) {
        say(format_args!("\n    nodes in each cell, which nobody chose:\n{picture}\n"));
    }
    measure(&demo, &mut steps).await?;
    store_and_find(&mut demo, &mut steps).await?;
    datasets::show(&demo, &mut steps).await?;
    say(format_args!("\nAll of it worked, in {}.", text::duration(begun.elapsed())));
    Ok(demo)
}

/// Mints, starts, joins.
async fn populate(args: &DemoArgs, parameters: Parameters, steps: &mut Steps) -> Result<Demo, Failure> {
    let nodes = usize::from(args.nodes);
    let bits = parameters.identity_bits;
    let identities = demo::mint(&parameters, nodes, |done| progress(&format!("minting: {done} of {nodes}"))).await?;
    progress("");
    steps.done(&format!("minted {nodes} identities"), &format!("2048-bit RSA keys, 2^{bits} attempts each"));
    let demo = Demo::start(parameters, identities).await?;
    steps.done(&format!("started {nodes} nodes"), "QUIC on 127.0.0.1, each with a data folder");
    demo.joined().await?;
    steps.done(&format!("{} joined through the first", nodes - 1), "each knew one address");
    demo.settled().await?;
    let mut links = 0;
    for node in &demo.nodes {
        links += node.handle.status().await?.status.links;
    }
    let mean = links as f64 / demo.nodes.len() as f64;
    steps.done("each is linked to all its neighbours", &format!("{mean:.1} links a node"));
    Ok(demo)
}

/// A line that the next one replaces, where somebody looks.
fn progress(text: &str) {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[K{text}").and_then(|()| out.flush());
    }
}

/// How far requests go.
async fn measure(demo: &Demo, steps: &mut Steps) -> Result<(), Failure> {
    let reports = demo.echo_everywhere().await?;
    let most = reports.iter().map(|report| report.hops).max().unwrap_or_default();
    let sum: u32 = reports.iter().map(|report| u32::from(report.hops)).sum();
    let mean = f64::from(sum) / reports.len() as f64;
    steps.done(
        &format!("asked every cell from every node, {} times", reports.len()),
        &format!("{mean:.2} hops on average, {most} at most"),
    );
    Ok(())
}

/// Puts a file, gets it, stops a node that holds it, and gets it again.
async fn store_and_find(demo: &mut Demo, steps: &mut Steps) -> Result<(), Failure> {
    let mut value = vec![0; FILE_BYTES];
    rand::rng().fill(&mut value[..]);
    let record = stamps::small(&value, &Wanted::default(), &Rules::of(&demo.parameters()))?;
    let first = demo.nodes.first().ok_or_else(|| Failure::new("no node runs"))?;
    let put = first.handle.put(record.clone()).await?;
    steps.done(
        &format!("put a file of {}", text::bytes(FILE_BYTES as u64)),
        &format!("stored on {} nodes in {} cells", put.nodes, put.cells),
    );
    get(demo, &record, "got it through another node", steps).await?;
    let holder = place_of(demo, &record, true)?.ok_or_else(|| Failure::new("no node holds what was stored"))?;
    let cell = demo.nodes[holder].cell;
    demo.stop(holder).await;
    steps.done("stopped a node that holds it", &format!("one in cell {cell}"));
    get(demo, &record, "got the file again", steps).await?;
    say(format_args!("\n    its pointer: {}", PointerText::from(record.pointer())));
    Ok(())
}

/// Gets the record through a node that does not hold it itself, if there is one.
async fn get(demo: &Demo, record: &Record, what: &str, steps: &mut Steps) -> Result<(), Failure> {
    let asker = place_of(demo, record, false)?.unwrap_or(demo.nodes.len() - 1);
    let report = demo.nodes[asker].handle.get(record.pointer(), 0).await?;
    if report.record != *record {
        return Err(Failure::new("what came back is not what was put"));
    }
    let figures = format!("equal, {} hops, from cell {}", report.hops, report.from);
    steps.done(what, &figures);
    Ok(())
}

/// A node that has the record on its disk, or one that has not; not the first, which introduced the others, if there
/// is a choice.
fn place_of(demo: &Demo, record: &Record, held: bool) -> Result<Option<usize>, Failure> {
    for (index, node) in demo.nodes.iter().enumerate().rev() {
        // Those with a part of their own in what follows are not stopped.
        if node.holds(record)? == held && (!held || node.is_plain()) {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// What to try while it runs.
fn invite(demo: &Demo) {
    let rows: Vec<Vec<String>> =
        demo.nodes.iter().map(|node| vec![node.cell.to_string(), node.api.to_string()]).collect();
    say(format_args!("\nThe grid stays up until Ctrl-C. Its nodes:\n\n{}", table(&["cell", "api"], &rows)));
    let api = |index: usize| demo.nodes.get(index).or(demo.nodes.first()).map(|node| node.api.to_string());
    let (one, other) = (api(0).unwrap_or_default(), api(1).unwrap_or_default());
    say(format_args!(
        "\nTry in another terminal:\n\n  rook status --api {one}\n  rook peers --api {one}\n  rook put --api {one} FILE\n  \
         rook get --api {other} POINTER -o COPY{}",
        datasets::invite(demo).unwrap_or_default()
    ));
}
