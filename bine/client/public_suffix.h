// The Public Suffix List: below which names strangers register theirs, so that a cookie may not belong to all of them. The
// list is the one that libpsl was built with. Host names are lower case and ASCII (punycode). Usable from any thread.
#pragma once

#include <string>

namespace bine::http {

// "com", "co.uk", "github.io"; names of one label that no list knows, too.
bool is_public_suffix(const std::string& host);

// The public suffix and one label in front of it: "example.co.uk" for "a.b.example.co.uk". The host itself when it is an IP
// address or a public suffix.
std::string site_of(const std::string& host);

}  // namespace bine::http
