//! CSV exports of log services.
#![no_main]
use kubesleuth_fuzz::formats::layout::Context;
use kubesleuth_fuzz::formats::source::{Batch, open_batch};
use kubesleuth_fuzz::judge::{Judge, MAX, read};

const HEADS: [&[u8]; 5] = [
    b"",
    b"@timestamp,@message,@logStream\n",
    b"\"_time\",\"_raw\",\"host\"\n",
    b"TenantId,AuditId,RequestUri,ObjectRef,User,StageReceivedTime\n",
    b"Category,log_s\n",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > MAX {
        return;
    }
    for head in HEADS {
        let text = [head, bytes].concat();
        read(&text, "x.csv");
        let mut judge = Judge::new(&text);
        open_batch(&Batch::Csv(text.clone()), &Context::default(), &mut judge);
    }
});
