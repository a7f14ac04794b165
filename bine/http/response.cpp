#include "bine/http/response.h"

#include "bine/base/text.h"
#include "bine/http/error_page.h"

namespace bine::http {

namespace {

Response typed(std::string_view line, std::string_view body) {
    Response response;
    response.fields().add_fixed(line);
    response.body().append(body);
    return response;
}

}  // namespace

Response Response::text(std::string_view body) { return typed("Content-Type: text/plain; charset=utf-8\r\n", body); }
Response Response::html(std::string_view body) { return typed("Content-Type: text/html; charset=utf-8\r\n", body); }
Response Response::json(std::string_view body) { return typed("Content-Type: application/json\r\n", body); }

Response Response::of(std::string_view type, Output&& body) {
    Response response;
    response.fields_.add("Content-Type", type);
    response.body_ = std::move(body);
    return response;
}

Response Response::redirect(std::string_view to, int status) {
    Response response = Response::error(status, "The page is at another place: " + std::string(to));
    response.fields_.add("Location", to);
    return response;
}

Response Response::error(int status, std::string_view explanation) {
    Response response(status);
    response.error_page_ = true;
    response.body_.append(explanation);
    return response;
}

Response Response::stream(Producer producer) {
    Response response;
    response.producer_ = std::move(producer);
    return response;
}

Response Response::upgrade(std::string_view protocol, std::unique_ptr<Protocol> next) {
    Response response(101);
    response.fields_.add("Upgrade", protocol);
    response.next_ = std::move(next);
    return response;
}

}  // namespace bine::http
