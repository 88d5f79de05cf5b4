//! The expressions of a pack as the evaluator walks them; `load.rs` makes them, nothing here evaluates.
//!
//! One variant a word of the pack's intermediate form (`gateway/schematron/forms.py` describes them), names and functions resolved.

use std::sync::Arc;

use crate::decimal::Decimal;
use crate::hashing::FastSet;
use crate::regex::Regex;

/// A value's place among those of one document.
pub type Slot = usize;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// `+`, `-`, `*`, `div`, `idiv`, `mod`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Plus,
    Minus,
    Times,
    Divided,
    WholeDivided,
    Modulo,
}

/// `for`, `some`, `every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Loop {
    For,
    Some,
    Every,
}

/// Atomic types, and what a conversion may ask for beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    String,
    Boolean,
    Integer,
    Decimal,
    Double,
    Date,
    /// Anything: only the number of items is checked.
    Item,
    /// A node.
    Node,
}

/// Functions by their names in XPath; those with a regular expression are expressions of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Function {
    Abs,
    Boolean,
    Ceiling,
    Concat,
    Contains,
    Count,
    Data,
    DistinctValues,
    Empty,
    EndsWith,
    Exists,
    Floor,
    LocalName,
    LowerCase,
    Name,
    NamespaceUri,
    NormalizeSpace,
    Not,
    Number,
    Round,
    StartsWith,
    String,
    StringJoin,
    StringLength,
    Substring,
    SubstringAfter,
    SubstringBefore,
    Sum,
    Translate,
    UpperCase,
}

impl Function {
    /// Does it give one boolean?
    pub fn gives_truth(self) -> bool {
        use Function::{Boolean, Contains, Empty, EndsWith, Exists, Not, StartsWith};
        matches!(self, Boolean | Contains | Empty | EndsWith | Exists | Not | StartsWith)
    }

    /// What an error calls its argument.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Function::Concat => "an argument of concat()",
            Function::Contains => "an argument of contains()",
            Function::EndsWith => "an argument of ends-with()",
            Function::LowerCase => "an argument of lower-case()",
            Function::NormalizeSpace => "an argument of normalize-space()",
            Function::Number => "the argument of number()",
            Function::StartsWith => "an argument of starts-with()",
            Function::String => "the argument of string()",
            Function::StringLength => "an argument of string-length()",
            Function::Substring => "the argument of substring()",
            Function::SubstringAfter => "an argument of substring-after()",
            Function::SubstringBefore => "an argument of substring-before()",
            Function::Translate => "an argument of translate()",
            Function::UpperCase => "an argument of upper-case()",
            _ => "an argument",
        }
    }

    /// May it give several items?
    pub fn gives_many(self) -> bool {
        matches!(self, Function::Data | Function::DistinctValues)
    }
}

/// Axes of XPath, without `namespace`; `AttributeBelow` is one of our own: attributes of the node and of all below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Axis {
    Child,
    Attribute,
    AttributeBelow,
    Itself,
    Parent,
    Descendant,
    DescendantOrSelf,
    Ancestor,
    AncestorOrSelf,
    FollowingSibling,
    PrecedingSibling,
    Following,
    Preceding,
}

/// What a step takes of its axis. A name is an index among the pack's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// One name.
    Name(usize),
    /// `*`
    Any,
    /// `prefix:*`
    Namespace(Box<str>),
    /// `*:name`
    Local(Box<str>),
    /// `node()`
    Node,
    /// `text()`
    Text,
}

/// `[…]`
#[derive(Debug)]
pub enum Predicate {
    /// `[n]`: the n-th of those left.
    Position(usize),
    /// A condition.
    Condition(Expression),
}

/// One step of a path.
#[derive(Debug)]
pub struct Step {
    /// Where it looks.
    pub axis: Axis,
    /// What it takes.
    pub test: Test,
    /// What of that it keeps.
    pub predicates: Vec<Predicate>,
}

/// `start/step/step`; no start: from the context node.
#[derive(Debug)]
pub struct Path {
    /// What the steps start from.
    pub start: Option<Expression>,
    /// The nodes may come out of order or repeated.
    pub sort: bool,
    /// At least one.
    pub steps: Vec<Step>,
    /// Names without any of which the path is empty, the last step's first.
    pub needs: Vec<usize>,
    /// A predicate may raise an error: every node is asked, whether or not one would do.
    pub is_thorough: bool,
}

/// A list of codes, and the text that held it.
#[derive(Debug)]
pub struct Codes {
    /// The codes.
    pub set: Arc<FastSet<String>>,
    /// `" A B "`, for values that are no code: a part of the text may still equal them.
    pub text: String,
    /// Values with a space in them are not asked for: the rule excludes them itself.
    pub is_single: bool,
}

/// An expression: 32 bytes wide, so that packs stay small; what is larger or rare stands in a box.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Expression {
    String(String),
    Decimal(Box<Decimal>),
    Double(f64),
    Boolean(bool),
    Sequence(Vec<Expression>),
    Context,
    Root,
    Variable(Slot),
    /// The same for the whole document: evaluated once.
    Memo(Slot, Box<Expression>),
    /// The same for a node, whatever rule asks: the last node's value is kept.
    Noted(Slot, Box<Expression>),
    And(Box<[Expression; 2]>),
    Or(Box<[Expression; 2]>),
    If(Box<[Expression; 3]>),
    Union(Box<[Expression; 2]>),
    /// `true`: both sides are computed numbers, and both are evaluated even where the first is nothing.
    Compare(Sign, bool, Box<[Expression; 2]>),
    ValueCompare(Sign, Box<[Expression; 2]>),
    Member(Box<Expression>, Arc<FastSet<String>>),
    Listed(Box<Expression>, Box<Codes>),
    Arithmetic(Operator, Box<[Expression; 2]>),
    Negative(Box<Expression>),
    Positive(Box<Expression>),
    Loop(Loop, Slot, Box<[Expression; 2]>),
    Let(Slot, Box<[Expression; 2]>),
    Path(Box<Path>),
    /// For each item of the first the second; `true`: the answers are nodes, put in document order.
    Map(Box<[Expression; 2]>, bool),
    Filter(Box<(Expression, Vec<Predicate>)>),
    Call(Function, Vec<Expression>),
    Matches(Box<(Expression, Regex)>),
    Replace(Box<(Expression, Regex, String)>),
    Tokenize(Box<(Expression, Regex)>),
    Cast(Type, bool, Box<Expression>),
    Castable(Type, bool, Box<Expression>),
    /// Function conversion rules: type, may be empty, may be many.
    Convert(Type, bool, bool, Box<Expression>),
}
