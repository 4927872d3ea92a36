//! The page and the widget in a real browser: Chromium through its `WebDriver`.

mod access;
mod altcha;
mod driver;
mod mail;
mod page;
mod pages;
mod states;
mod widget;
