//! rook
fn main() {}
