// Which handler answers which path.
//
//     Router router;
//     router.get("/", [](Request&) { return Response::html("<h1>hello</h1>"); });
//     router.get("/users/{id}", show_user);                 // request.param("id")
//     router.get("/files/{path...}", files);                // all that is left of the path
//     router.mount("/admin", std::move(admin));             // another Router, or any Handler
//     router.use([](const Request&, Response& response) { response.set("X-Frame-Options", "DENY"); });
//     reactor... listen(..., server.factory())
//
// A literal segment is preferred to `{name}`, and that to `{name...}`. HEAD is answered by GET's handler, OPTIONS by the list
// of methods, a path without a route by 404, a method without one by 405 with Allow. Repeated and closing slashes count:
// "/a/" is another path than "/a". Fill it before it serves.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bine/http/handler.h"
#include "bine/http/middleware.h"

namespace bine::http {

class Router {
public:
    Router();
    Router(Router&&) noexcept;
    Router& operator=(Router&&) noexcept;
    ~Router();

    // Errors: throws Error (invalid_argument) for a pattern that cannot be, or that is there already with that method.
    Router& get(std::string_view pattern, Handler handler) { return add("GET", pattern, std::move(handler)); }
    Router& post(std::string_view pattern, Handler handler) { return add("POST", pattern, std::move(handler)); }
    Router& put(std::string_view pattern, Handler handler) { return add("PUT", pattern, std::move(handler)); }
    Router& patch(std::string_view pattern, Handler handler) { return add("PATCH", pattern, std::move(handler)); }
    Router& remove(std::string_view pattern, Handler handler) { return add("DELETE", pattern, std::move(handler)); }
    Router& add(std::string_view method, std::string_view pattern, Handler handler);
    // Every method.
    Router& any(std::string_view pattern, Handler handler) { return add({}, pattern, std::move(handler)); }

    // `prefix` and everything below it, any method. A plain handler or coroutine finds what is behind the prefix in param(""),
    // with its leading '/'. The patterns of another router begin behind it; what that one does not know is its own 404,
    // and its middleware is for its routes only.
    Router& mount(std::string_view prefix, Handler handler);
    // For everything that this router answers, its 404s too; in the order of the calls, outermost first.
    Router& use(Middleware middleware);
    // In place of the 404 page.
    Router& otherwise(Handler handler);

    Handler& select(Request& request);
    // A router is a handler.
    operator Handler() &&;

private:
    struct Node;
    struct Table;

    std::unique_ptr<Table> table_;
};

}  // namespace bine::http
