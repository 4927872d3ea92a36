#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| otp_dev::fuzz::run("handshake", input));
