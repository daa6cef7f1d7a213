//! `rook`: the command line of Grid of Trust. All of it stands in `cli`.

fn main() -> std::process::ExitCode {
    node::cli::main()
}
