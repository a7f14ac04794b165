#include "bine/http/error_page.h"

#include <doctest/doctest.h>

namespace bine::http {
namespace {

TEST_CASE("HTML is for those who name it") {
    CHECK(wants_html("text/html"));
    CHECK(wants_html("application/xml;q=0.9, Text/HTML ;q=0.8"));
    CHECK_FALSE(wants_html(""));
    CHECK_FALSE(wants_html("*/*"));
    CHECK_FALSE(wants_html("text/htmlx, application/json"));
}

TEST_CASE("a page says what and why, and lets nothing through as markup") {
    const std::string page = html_error_page(404, "no <b>\"x\"</b> & 'y' \xff here");
    CHECK(page.find("<title>404 Not Found</title>") != std::string::npos);
    CHECK(page.find("<p>no &lt;b&gt;&quot;x&quot;&lt;/b&gt; &amp; &#39;y&#39; \xef\xbf\xbd here</p>") !=
          std::string::npos);
    CHECK(html_error_page(404, "").find("There is nothing at this address.") != std::string::npos);
    CHECK(text_error_page(418, "") == "418 Unknown\n");
    CHECK(text_error_page(403, "secret") == "403 Forbidden: secret\n");
}

}  // namespace
}  // namespace bine::http
