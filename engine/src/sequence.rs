//! A sequence of items (XPath 2.0, 2): most are one item or none, and those hold no memory of their own.

use std::iter::Chain;
use std::ops::Deref;
use std::{option, vec};

use crate::values::Item;

/// Items in order; to be read as a slice.
#[derive(Debug)]
pub(crate) enum Sequence<'a> {
    AtMostOne(Option<Item<'a>>),
    Many(Vec<Item<'a>>),
}

impl<'a> Sequence<'a> {
    /// Nothing.
    pub(crate) fn new() -> Self {
        Sequence::AtMostOne(None)
    }

    pub(crate) fn push(&mut self, item: Item<'a>) {
        match self {
            Sequence::AtMostOne(nothing @ None) => *nothing = Some(item),
            Sequence::AtMostOne(one) => *self = Sequence::Many(one.take().into_iter().chain([item]).collect()),
            Sequence::Many(items) => items.push(item),
        }
    }
}

impl<'a> Deref for Sequence<'a> {
    type Target = [Item<'a>];

    fn deref(&self) -> &[Item<'a>] {
        match self {
            Sequence::AtMostOne(one) => one.as_slice(),
            Sequence::Many(items) => items,
        }
    }
}

impl<'a> From<Option<Item<'a>>> for Sequence<'a> {
    fn from(one: Option<Item<'a>>) -> Self {
        Sequence::AtMostOne(one)
    }
}

impl<'a> From<Item<'a>> for Sequence<'a> {
    fn from(one: Item<'a>) -> Self {
        Sequence::AtMostOne(Some(one))
    }
}

impl<'a> Extend<Item<'a>> for Sequence<'a> {
    fn extend<I: IntoIterator<Item = Item<'a>>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<'a> FromIterator<Item<'a>> for Sequence<'a> {
    fn from_iter<I: IntoIterator<Item = Item<'a>>>(items: I) -> Self {
        let mut sequence = Sequence::new();
        sequence.extend(items);
        sequence
    }
}

impl<'a> IntoIterator for Sequence<'a> {
    type Item = Item<'a>;
    type IntoIter = Chain<option::IntoIter<Item<'a>>, vec::IntoIter<Item<'a>>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Sequence::AtMostOne(one) => (one, Vec::new()),
            Sequence::Many(items) => (None, items),
        };
        one.into_iter().chain(many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_order_whatever_their_number() {
        for count in 0..4 {
            let mut sequence: Sequence<'_> = (0..count).map(Item::Node).collect();
            sequence.push(Item::Node(count));
            assert_eq!(sequence.len(), count as usize + 1);
            let found = sequence.into_iter().map(|item| if let Item::Node(node) = item { node } else { 99 });
            assert_eq!(found.collect::<Vec<_>>(), (0..=count).collect::<Vec<_>>());
        }
        assert!(Sequence::new().is_empty() && Sequence::from(None).into_iter().next().is_none());
    }
}
