//! `rook mint`: makes an identity, which takes as long as its grid demands.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use ::grid::parameters::Parameters;
use hashcash::mint::{self, MintError, MintOptions, Monitor};
use hashcash::{Rules, SecretIdentity, file};
use serde::Serialize;
use tokio::task::JoinHandle;

use super::identity::IdentityOutput;
use super::signals::Signals;
use super::text::{self, say, say_json};
use super::{Failure, identity_file};
use crate::config::grid_file;
use crate::minting;

pub(super) mod progress;

use self::progress::Progress;

/// Make an identity: an RSA key whose hash has the zero bits that the grid demands.
#[derive(Debug, clap::Args)]
pub(super) struct MintArgs {
    /// The grid that it is for.
    #[arg(long, value_name = "local|main|FILE")]
    grid: String,
    /// The file to write; one that is there is never overwritten. The grid's parameters are written beside it, to
    /// FILE.grid.toml.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Mint to more zero bits than the grid demands.
    #[arg(long)]
    bits: Option<u8>,
    /// How many cores to use [default: all].
    #[arg(long)]
    threads: Option<usize>,
    /// Encrypt the file with the passphrase in the first line of this one.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn mint(args: MintArgs) -> Result<(), Failure> {
    let parameters = grid_file::find(&args.grid)?;
    let rules = rules(&args, &parameters)?;
    let passphrase = args.passphrase_file.as_deref().map(identity_file::passphrase).transpose()?;
    // Found out before the work, not after it.
    refuse_existing(&args.out)?;
    let begun = Instant::now();
    let watch = Arc::new(Watch::default());
    let minting = start(rules.clone(), args.threads.unwrap_or_default(), Arc::clone(&watch));
    let secret = wait(minting, &watch, rules.difficulty, begun).await?;
    write(&args.out, &parameters, &secret, passphrase.as_deref())?;
    let verified = secret.identity().clone().verify(&rules, minting::today())?;
    let output = MintOutput {
        file: args.out.display().to_string(),
        grid_file: minting::grid_file_of(&args.out).display().to_string(),
        attempts: watch.attempts(),
        seconds: begun.elapsed().as_secs_f64(),
        identity: IdentityOutput::of(&parameters, &verified),
    };
    match args.json {
        true => say_json(&output),
        false => say(output.describe()),
    }
    Ok(())
}

/// What the grid demands, and more if more was asked for.
fn rules(args: &MintArgs, parameters: &Parameters) -> Result<Rules, Failure> {
    let rules = minting::rules(parameters);
    let Some(bits) = args.bits.map(u32::from) else { return Ok(rules) };
    match bits >= rules.difficulty {
        true => Ok(Rules { difficulty: bits, ..rules }),
        false => Err(Failure::usage(format!(
            "grid {} demands {} bits, an identity of {bits} would be refused by every node: leave --bits away, or make a \
             cheaper grid with `rook grid new`",
            parameters.name, rules.difficulty
        ))),
    }
}

fn refuse_existing(out: &Path) -> Result<(), Failure> {
    match out.symlink_metadata() {
        Ok(_) => Err(file::FileError::Exists { path: out.into() }.into()),
        Err(_) => Ok(()),
    }
}

/// What the searching threads and the one that shows their progress share.
#[derive(Debug, Default)]
struct Watch {
    attempts: AtomicU64,
    stop: AtomicBool,
}

impl Watch {
    fn attempts(&self) -> u64 {
        self.attempts.load(Relaxed)
    }
}

impl Monitor for Watch {
    fn attempts(&self, so_far: u64) -> ControlFlow<()> {
        self.attempts.fetch_max(so_far, Relaxed);
        match self.stop.load(Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

fn start(rules: Rules, threads: usize, watch: Arc<Watch>) -> JoinHandle<Result<SecretIdentity, MintError>> {
    let options = MintOptions { threads, kernel: None };
    tokio::task::spawn_blocking(move || mint::mint(&rules, minting::today(), &options, &mut rand::rng(), &*watch))
}

/// Shows how far it is until it is done, or until Ctrl-C.
async fn wait(
    mut minting: JoinHandle<Result<SecretIdentity, MintError>>,
    watch: &Watch,
    difficulty: u32,
    begun: Instant,
) -> Result<SecretIdentity, Failure> {
    let mut signals = Signals::new()?;
    let mut progress = Progress::new(difficulty);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            minted = &mut minting => {
                progress.finish();
                return Ok(minted??);
            }
            _ = ticks.tick() => progress.show(watch.attempts(), begun.elapsed()),
            () = signals.wait() => {
                watch.stop.store(true, Relaxed);
                progress.finish();
                let far = progress::sentence(difficulty, watch.attempts(), begun.elapsed());
                return Err(Failure::interrupted(format!("nothing was written; {far}")));
            }
        }
    }
}

/// Writes the grid's file first: an identity's file is then never without it.
fn write(
    out: &Path,
    parameters: &Parameters,
    secret: &SecretIdentity,
    passphrase: Option<&str>,
) -> Result<(), Failure> {
    let beside = minting::grid_file_of(out);
    let text = grid_file::write(parameters);
    if std::fs::read_to_string(&beside).ok().as_ref() != Some(&text) {
        std::fs::File::create_new(&beside)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .map_err(|error| Failure::new(format!("{}: {error}", beside.display())))?;
    }
    Ok(file::write_new(out, secret, passphrase)?)
}

#[derive(Debug, Serialize)]
struct MintOutput {
    file: String,
    grid_file: String,
    attempts: u64,
    seconds: f64,
    #[serde(flatten)]
    identity: IdentityOutput,
}

impl MintOutput {
    fn describe(&self) -> String {
        let took = text::seconds(self.seconds);
        // Attempts are counted in batches: a hit in the first one leaves none to tell of.
        let attempts = match self.attempts {
            0 => "found".to_owned(),
            attempts => format!("{}attempts", text::scaled(attempts as f64)),
        };
        format!(
            "{}\n{}\n\nKeep it secret: who has it is you. Next: rook run --identity {} --data FOLDER --peer ADDRESS",
            format_args!("{} (its grid: {}), {attempts} in {took}", self.file, self.grid_file),
            self.identity.describe(),
            self.file
        )
    }
}
