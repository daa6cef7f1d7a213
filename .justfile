# What a developer can do here. Each line is a command that also works by hand.

# list the recipes
default:
    @just --justfile .justfile --list

# a whole grid on loopback, in one process
demo *ARGS:
    cargo run -- demo {{ARGS}}

# all tests
test:
    cargo test --workspace

# formatting, lints, documentation
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# every mint kernel against the sha1 crate
bench:
    cargo run --release -- bench mint

# 2,000 simulated nodes: join, kill 30 %, repair
sim *ARGS:
    cargo run --release -p sim -- join --nodes 2000 --dims 3 --side 8 --seed 1 --kill 0.3 {{ARGS}}

# the experiments that ship: `just experiments all --small` takes seconds, `all` hours
experiments *ARGS="all --small":
    cargo run --release -p sim -- run {{ARGS}}

# 32 real processes
processes:
    cargo test -p node --test cluster_32 -- --nocapture

# the pictures of a node's page for the documentation, anew
pictures:
    ROOK_SCREENSHOTS="$(pwd)/docs/images" cargo test --workspace --locked --test dashboard

# how smooth the page of a node is that knows so many real ones
page NODES="256" SECONDS="20":
    ROOK_PAGE_NODES={{NODES}} ROOK_PAGE_SECONDS={{SECONDS}} cargo test --workspace --locked --test dashboard_crowd -- --ignored --nocapture

# nodes on machines of their own (network namespaces, as root) in bad weather, while clients write and read
cluster MINUTES="30" SEED="1":
    ROOK_WEATHER_MINUTES={{MINUTES}} ROOK_TEST_SEED={{SEED}} cargo test --workspace --locked --test cluster_weather -- --ignored --nocapture

# fuzz targets, all or those that are named, ten minutes each
fuzz *TARGETS:
    fuzz/run {{TARGETS}}

# dependencies: licences, sources, bans
deny:
    cargo deny --config .deny.toml --offline check bans licenses sources

# what CI runs
ci:
    .ci/run
