//! Stems: what a subject begins with as a number, which stands in the subject itself.
//!
//! A search through thousands of subjects would otherwise read the text of each, and those lie all over the memory.

/// How many words make a stem. No subject of the contract has fewer, or a wildcard among them.
const WORDS: usize = 3;

/// The first words of a subject. Those of two subjects that share a message are equal; equal ones prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stem(u64);

impl Stem {
    /// The stem of everything that a text can stand for; none where it leaves one of the words open.
    pub fn of(text: &str) -> Option<Self> {
        let mut words = text.split('.');
        let told = (0..WORDS).all(|_| words.next().is_some_and(|word| word != "*" && word != ">"));
        told.then(|| Self::first_words(text))
    }

    /// FNV-1a with 64 bits over the first words with their dots.
    pub(super) fn first_words(text: &str) -> Self {
        let mut dots = 0;
        let begin = text.bytes().take_while(|byte| {
            dots += usize::from(*byte == b'.');
            dots < WORDS
        });
        let step = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(begin.fold(0xcbf2_9ce4_8422_2325, step))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Subject, matching::overlaps};
    use super::*;

    #[test]
    fn a_text_that_leaves_a_word_open_has_none() {
        for open in ["svc", "svc.ai", "svc.*.llm.v1.infer", "svc.ai.>", ">", "svc.ai.*"] {
            assert_eq!(Stem::of(open), None, "{open}");
        }
        assert_eq!(Stem::of("svc.ai.llm.>"), Stem::of("svc.ai.llm.v1.infer"));
        assert_ne!(Stem::of("svc.ai.llm.>"), Stem::of("svc.ai.model.>"));
    }

    proptest! {
        #[test]
        fn what_shares_a_message_has_equal_stems(
            subject in "(svc|evt)\\.(a|b)\\.(a|b)\\.v1(\\.(a|\\*))?",
            asked in "(svc|evt|\\*)(\\.(a|b|v1|\\*)){0,4}(\\.>)?",
        ) {
            let (Ok(subject), Some(stem)) = (subject.parse::<Subject>(), Stem::of(&asked)) else {
                return Ok(());
            };
            prop_assert!(!overlaps(subject.as_str(), &asked) || subject.stem() == stem);
        }
    }
}
