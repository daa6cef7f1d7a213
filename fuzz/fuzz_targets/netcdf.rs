#![no_main]

// Where the readers panic that makes an error, which is part of what is tried; libFuzzer's hook would end the program before.
libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    node::decoders::netcdf(bytes);
});
