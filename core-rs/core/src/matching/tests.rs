//! The engine against an obvious model, and the behaviours a serious engine must show by name.

mod behaviours;
mod model;
