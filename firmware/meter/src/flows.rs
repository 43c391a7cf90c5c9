//! Where the flows of the cache are.

use std::ops::{Index, IndexMut};

use crate::flow::Flow;

/// Flows in chunks: growing copies nothing, and a flow's number stays.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    chunks: Vec<Vec<Flow>>,
}

/// 8 MB: most of it can be in large pages, wherever it begins. What no flow was in takes no memory.
const CHUNK: usize = 32_768;

impl Flows {
    /// Adds a flow behind the others; its number. `on_memory` gets the memory that is made for more.
    pub(crate) fn push(&mut self, flow: Flow, on_memory: fn(*const u8, usize)) -> u32 {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(flow),
            _ => {
                let mut chunk: Vec<Flow> = Vec::with_capacity(CHUNK);
                on_memory(chunk.as_ptr().cast(), CHUNK * size_of::<Flow>());
                chunk.push(flow);
                self.chunks.push(chunk);
            }
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "the meter holds fewer flows than u32::MAX"
        )]
        let number = (self.len() - 1) as u32;
        number
    }

    pub(crate) fn len(&self) -> usize {
        let last = self.chunks.last().map_or(CHUNK, Vec::len);
        self.chunks.len() * CHUNK + last - CHUNK
    }
}

impl Index<u32> for Flows {
    type Output = Flow;

    #[inline]
    fn index(&self, number: u32) -> &Flow {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }
}

impl IndexMut<u32> for Flows {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut Flow {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }
}
