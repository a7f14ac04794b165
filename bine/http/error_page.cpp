#include "bine/http/error_page.h"

#include "bine/base/text.h"
#include "bine/wire/http1/list.h"
#include "bine/wire/http1/message.h"

namespace bine::http {

namespace {

std::string_view usual_explanation(int status) noexcept {
    switch (status) {
        case 400: return "The request is not what HTTP allows.";
        case 401: return "You have to log in first.";
        case 403: return "You may not see this.";
        case 404: return "There is nothing at this address.";
        case 405: return "This address does not answer to that method.";
        case 408: return "The request took too long to arrive.";
        case 412: return "What is here now is not the version you asked for.";
        case 413: return "The request is larger than this server takes.";
        case 414: return "The address is longer than this server takes.";
        case 416: return "There are not that many bytes here.";
        case 417: return "The request expects what this server cannot do.";
        case 429: return "Too many requests; try again later.";
        case 431: return "The header of the request is larger than this server takes.";
        case 500: return "Something went wrong here. It has been noted.";
        case 501: return "This server does not do that.";
        case 502: return "The server behind this one gave no useful answer.";
        case 503: return "The server is too busy, or about to stop; try again later.";
        case 504: return "The server behind this one did not answer in time.";
        case 505: return "This server speaks HTTP/1.0 and HTTP/1.1.";
        default: return {};
    }
}

constexpr std::string_view kStyle =
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:18vh auto 0;padding:0 1.5rem}"
    "h1{font-size:1.5rem;font-weight:600;margin:0 0 .5rem}h1 b{color:#3a7d44;margin-right:.6rem}"
    "p{margin:0;opacity:.75;overflow-wrap:anywhere}";

}  // namespace

bool wants_html(std::string_view accept) noexcept {
    for (http1::ListReader list(accept); const auto range = list.next();) {
        const std::string_view type = range->substr(0, range->find_first_of("; \t"));
        if (equals_ignoring_case(type, "text/html")) return true;
    }
    return false;
}

std::string html_error_page(int status, std::string_view explanation) {
    if (explanation.empty()) explanation = usual_explanation(status);
    const std::string number = std::to_string(status);
    const std::string_view reason = http1::reason_of(status);
    std::string page = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n";
    page += "<meta name=\"viewport\" content=\"width=device-width\">\n";
    page.append("<title>").append(number).append(" ").append(reason).append("</title>\n");
    page.append("<style>").append(kStyle).append("</style>\n");
    page.append("<h1><b>").append(number).append("</b>").append(reason).append("</h1>\n");
    if (!explanation.empty()) page.append("<p>").append(escape_html(explanation)).append("</p>\n");
    return page += "</html>\n";
}

std::string text_error_page(int status, std::string_view explanation) {
    if (explanation.empty()) explanation = usual_explanation(status);
    std::string line = std::to_string(status);
    line.append(" ").append(http1::reason_of(status));
    if (!explanation.empty()) line.append(": ").append(explanation);
    return line += "\n";
}

std::string escape_html(std::string_view text) {
    std::string escaped;
    escaped.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        switch (text.front()) {
            case '&': escaped += "&amp;"; break;
            case '<': escaped += "&lt;"; break;
            case '>': escaped += "&gt;"; break;
            case '"': escaped += "&quot;"; break;
            case '\'': escaped += "&#39;"; break;
            default: escaped += length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return escaped;
}

}  // namespace bine::http
