#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    keyholder::fuzzing::api_models(bytes);
});
