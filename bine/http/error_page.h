// The page for an error or a redirection: small HTML for browsers, a line of text for everybody else.
#pragma once

#include <string>
#include <string_view>

namespace bine::http {

// What an Accept field asks for: whether it names text/html.
bool wants_html(std::string_view accept) noexcept;

// `explanation` is escaped; without one, there is a sentence for the usual statuses.
std::string html_error_page(int status, std::string_view explanation);
// "404 Not Found: There is nothing at this address.\n"
std::string text_error_page(int status, std::string_view explanation);

// `text` with & < > " ' as HTML writes them, and what is no UTF-8 replaced.
std::string escape_html(std::string_view text);

}  // namespace bine::http
