//! The C boundary, and the only unsafe code: packs and documents go out as handles, answers as bytes to be given back.
//!
//! Every function catches panics: a crash of ours is an answer with status [`CRASHED`], never a dead process. Handles are read only once
//! made, so that threads may share them; each is freed once, by whoever asked for it.

#![allow(unsafe_code)]

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant};

use crate::document::Document;
use crate::findings::told;
use crate::judge::judge;
use crate::load::load;
use crate::pack::Pack;
use crate::xml::{self, Limits};

/// It is done.
pub const DONE: u32 = 0;
/// What was handed over is at fault; the text says why.
pub const REFUSED: u32 = 1;
/// A limit of ours was reached; the text says which.
pub const LIMITED: u32 = 2;
/// A fault of this library.
pub const CRASHED: u32 = 3;

/// What a function answers: `handle` where it made something, `text` (UTF-8, to be freed) where it says something: a text without bytes
/// holds no memory, and need not be freed.
#[repr(C)]
pub struct Answer {
    status: u32,
    handle: *mut std::ffi::c_void,
    text: *mut u8,
    length: usize,
}

fn answer(status: u32, text: String) -> Answer {
    let bytes = text.into_bytes().into_boxed_slice();
    let length = bytes.len();
    Answer { status, handle: std::ptr::null_mut(), text: Box::into_raw(bytes).cast(), length }
}

fn made<T>(thing: T) -> Answer {
    Answer { handle: Box::into_raw(Box::new(thing)).cast(), ..answer(DONE, String::new()) }
}

fn guarded(work: impl FnOnce() -> Answer) -> Answer {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        answer(CRASHED, said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default())
    })
}

/// The library's version, ending in a zero byte.
#[no_mangle]
pub extern "C" fn engine_version() -> *const std::ffi::c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// A pack from its JSON.
///
/// # Safety
/// `text` points to `length` bytes.
#[no_mangle]
pub unsafe extern "C" fn engine_load(text: *const u8, length: usize) -> Answer {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(text, length) };
    guarded(|| match std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned()).and_then(load) {
        Ok(pack) => Answer { status: DONE, ..made(pack) },
        Err(why) => answer(REFUSED, why),
    })
}

/// A document from its bytes, of at most `size` bytes, `nodes` nodes and `depth` levels.
///
/// # Safety
/// `data` points to `length` bytes.
#[no_mangle]
pub unsafe extern "C" fn engine_read(
    data: *const u8,
    length: usize,
    with_text_nodes: bool,
    depth: usize,
    nodes: usize,
    size: usize,
) -> Answer {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(data, length) };
    guarded(|| match xml::parse(bytes, with_text_nodes, Limits { depth, nodes, size }) {
        Ok(document) => made(document),
        Err(refusal) => {
            let status = if refusal.is_limit { LIMITED } else { REFUSED };
            answer(status, format!("byte {}: {}", refusal.at, refusal.what))
        }
    })
}

/// The findings of a pack on a document, after at most `milliseconds` (0: without limit).
///
/// # Safety
/// Both handles come from this library and are not freed.
#[no_mangle]
pub unsafe extern "C" fn engine_evaluate(pack: *const Pack, document: *const Document, milliseconds: u64) -> Answer {
    // SAFETY: the caller's promise.
    let (pack, document) = unsafe { (&*pack, &*document) };
    guarded(|| {
        let deadline = (milliseconds > 0).then(|| Instant::now() + Duration::from_millis(milliseconds));
        match judge(document, pack, deadline) {
            Ok(findings) => answer(DONE, told(document, &findings)),
            Err(fault) => answer(LIMITED, fault.reason().to_owned()),
        }
    })
}

/// Does a pack ask for text nodes?
///
/// # Safety
/// The handle comes from this library and is not freed.
#[no_mangle]
pub unsafe extern "C" fn engine_needs_text_nodes(pack: *const Pack) -> bool {
    // SAFETY: the caller's promise.
    unsafe { &*pack }.needs_text_nodes
}

/// Frees a pack.
///
/// # Safety
/// The handle comes from [`engine_load`] and is freed once.
#[no_mangle]
pub unsafe extern "C" fn engine_free_pack(pack: *mut Pack) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(pack) });
}

/// Frees a document.
///
/// # Safety
/// The handle comes from [`engine_read`] and is freed once.
#[no_mangle]
pub unsafe extern "C" fn engine_free_document(document: *mut Document) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(document) });
}

/// Frees the text of an answer.
///
/// # Safety
/// `text` and `length` are those of an answer, and are freed once.
#[no_mangle]
pub unsafe extern "C" fn engine_free_text(text: *mut u8, length: usize) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(text, length)) });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(answer: &Answer) -> String {
        // SAFETY: the text of an answer that was not freed.
        let bytes = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(answer.text, answer.length)) };
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn a_panic_is_an_answer() {
        let crashed = guarded(|| panic!("a fault of ours, {}", 1));
        assert_eq!((crashed.status, said(&crashed).as_str()), (CRASHED, "a fault of ours, 1"));
    }

    #[test]
    fn what_is_handed_over_wrongly_is_refused_with_a_reason() {
        let pack = unsafe { engine_load(b"\xff".as_ptr(), 1) };
        assert_eq!((pack.status, said(&pack).as_str()), (REFUSED, "not UTF-8"));
        let document = unsafe { engine_read(b"<a>".as_ptr(), 3, false, 9, 9, 9) };
        assert_eq!((document.status, said(&document).as_str()), (REFUSED, "byte 3: the document ends inside an element"));
        let large = unsafe { engine_read(b"<a/>".as_ptr(), 4, false, 9, 9, 3) };
        assert_eq!((large.status, said(&large).as_str()), (LIMITED, "byte 0: the document is too large"));
    }
}
