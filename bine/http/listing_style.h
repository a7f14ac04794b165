// The style sheet of folder listings.
#pragma once

#include <string_view>

namespace bine::http {

inline constexpr std::string_view kListingStyle = R"css(
:root { color-scheme: light dark; --paper: #fbfaf6; --ink: #1f2a24; --soft: #66736b; --line: #e2e2d8; --leaf: #2f7d4f; --glow: #edf3ea; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #131a16; --ink: #dfe8e1; --soft: #8fa096; --line: #27322b; --leaf: #7fcf9d; --glow: #1c2721; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
a { color: inherit; text-decoration: none; }
a:hover, a:focus-visible { color: var(--leaf); text-decoration: underline; text-underline-offset: .2em; }
a:focus-visible { outline: 2px solid var(--leaf); outline-offset: 2px; border-radius: 3px; }
nav ol { display: flex; flex-wrap: wrap; margin: 0 0 1.5rem; padding: 0; list-style: none; font-size: 1.35rem; }
nav li { overflow-wrap: anywhere; }
nav li + li::before { content: "/"; padding: 0 .45em; color: var(--soft); }
nav [aria-current] { font-weight: 650; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { padding: .5rem .75rem; border-bottom: 2px solid var(--line); color: var(--soft); font-size: .85rem; font-weight: 600; text-align: left; white-space: nowrap; }
th small { font-weight: 400; }
[aria-sort] a { color: var(--leaf); }
[aria-sort=ascending] a::after { content: " \2191"; }
[aria-sort=descending] a::after { content: " \2193"; }
td { padding: 0 .75rem; border-bottom: 1px solid var(--line); color: var(--soft); white-space: nowrap; }
td:first-child { padding-left: 0; width: 100%; color: var(--ink); white-space: normal; overflow-wrap: anywhere; }
th:first-child { padding-left: 2.5rem; }
td:nth-child(2), th:nth-child(2) { text-align: right; }
td a { display: block; padding: .45rem .75rem .45rem 2.5rem;
  background: .8rem .7rem / 1.1rem no-repeat url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='%23889a8f' stroke-width='1.3' stroke-linejoin='round'%3E%3Cpath d='M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3'/%3E%3C/svg%3E"); }
.d td a { font-weight: 550; background-image: url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='%234a9b6a' stroke='%234a9b6a' stroke-width='1.3' stroke-linejoin='round'%3E%3Cpath fill-opacity='.3' d='M1.5 3.5h4.5l1.5 2h7v8h-13z'/%3E%3C/svg%3E"); }
.u td a { color: var(--soft); background-image: url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='%23889a8f' stroke-width='1.5' stroke-linecap='round' stroke-linejoin='round'%3E%3Cpath d='M8 13V3M4 7l4-4 4 4'/%3E%3C/svg%3E"); }
tbody tr:hover { background: var(--glow); }
.empty { padding: 2rem 0; color: var(--soft); text-align: center; }
footer { display: flex; justify-content: space-between; gap: 1rem; padding-top: .75rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 36rem) {
  body { padding: 1.25rem .75rem 2rem; }
  td:nth-child(3), th:nth-child(3) { display: none; }
}
@media print { body { max-width: none; } .u { display: none; } }
)css";

}  // namespace bine::http
