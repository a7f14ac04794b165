// Theory: a tree of path segments. A segment of a pattern is a literal, `{name}`, or at the end `{name...}`; mounted handlers
// hang beside the children of their prefix. The names of parameters belong to the route, so that two routes may call
// the same place differently. A path is matched still encoded, segment by segment, so an encoded '/' parts nothing.
#include "bine/http/router.h"

#include <algorithm>
#include <array>
#include <deque>

#include "bine/base/text.h"
#include "bine/http/path_table.h"
#include "bine/wire/http1/characters.h"
#include "bine/wire/http1/target.h"

namespace bine::http {

namespace {

struct Route {
    Route(std::string_view its_method, std::vector<std::string> its_names, Handler its_handler)
        : method(its_method),
          code(http1::method_of(its_method)),
          names(std::move(its_names)),
          handler(std::move(its_handler)) {}

    // Whether it is for that method; the code tells the known ones.
    bool answers(http1::Method wanted, std::string_view name) const noexcept {
        return wanted == http1::Method::other ? method == name : code == wanted;
    }

    std::string method;  // empty: every one
    http1::Method code;
    std::vector<std::string> names;
    Handler handler;
};

[[noreturn]] void refuse(std::string_view pattern, std::string_view why) {
    throw Error(Errc::invalid_argument, "the route pattern \"" + escape(pattern) + "\" " + std::string(why));
}

// The first segment of `path`, which begins with '/'; both are taken from it.
std::string_view take_segment(std::string_view& path) noexcept {
    path.remove_prefix(1);
    const std::size_t length = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, length);
    path.remove_prefix(length);
    return segment;
}

bool is_parameter(std::string_view segment) noexcept { return segment.starts_with('{') && segment.ends_with('}'); }

// Whether a segment of a path, perhaps encoded, is the literal of a pattern.
bool same_segment(std::string_view sent, std::string_view literal) {
    if (sent.find('%') == std::string_view::npos) return sent == literal;
    return http1::percent_decode(sent) == literal;
}

// Whether decoding would give a '/' or a NUL that was none: what takes several segments at once does not take those.
bool hides_separator(std::string_view path) noexcept {
    for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
        const std::string_view code = path.substr(at, 3);
        if (code == "%2f" || code == "%2F" || code == "%00") return true;
    }
    return false;
}

}  // namespace

struct Router::Node {
    struct Child {
        std::string literal;
        std::unique_ptr<Node> node;
    };

    Node& literal_child(std::string_view literal) {
        for (Child& child : children) {
            if (child.literal == literal) return *child.node;
        }
        return *children.emplace_back(std::string(literal), std::make_unique<Node>()).node;
    }
    static Node& make(std::unique_ptr<Node>& node) {
        if (!node) node = std::make_unique<Node>();
        return *node;
    }

    Route* route(http1::Method method, std::string_view name = {}) {
        for (Route& one : routes) {
            if (one.answers(method, name)) return &one;
        }
        return nullptr;
    }

    std::deque<Route> routes;
    std::vector<Child> children;
    std::unique_ptr<Node> parameter;
    std::unique_ptr<Node> rest;
    std::optional<Handler> mounted;
};

struct Router::Table {
    Table();

    // A look for the node of a path: the values of the parameters on the way, and what a mounted handler will see.
    struct Search {
        Search() noexcept {}

        union {
            std::array<std::string_view, Request::kMaxParams> values;  // the first `count` of them are there
        };
        std::size_t count = 0;
        const char* mounted_from = nullptr;
    };

    Node* find(Node& node, std::string_view path, Search& search);
    Node* find_child(Node& node, std::string_view segment, std::string_view path, Search& search);
    Handler& choose(Node& node, Request& request, const Search& search);
    static void note_params(const Route& route, Request& request, const Search& search);
    static std::string_view decoded(std::string_view value, Request& request);
    static std::string allowed(const Node& node);

    Node root;
    PathTable<Node> literal;            // routes without parameters, letter by letter: find() would try them first
    std::deque<Middleware> middleware;  // in one place: requests point to them
    Handler not_found;
    Handler not_allowed;
    Handler options;
};

Router::Table::Table()
    : not_found(Handler::without_body([](Request&) { return Response::error(404); })),
      not_allowed(Handler::without_body([](Request& request) {
          return Response::error(405).set("Allow", allowed(*static_cast<const Node*>(request.node_)));
      })),
      options(Handler::without_body([](Request& request) {
          return Response(204).set("Allow", allowed(*static_cast<const Node*>(request.node_)));
      })) {}

Router::Router() : table_(std::make_unique<Table>()) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

namespace {

// "{name}" and "{name...}"; the name alone, and whether it takes the rest.
std::string_view parameter_name(std::string_view pattern, std::string_view segment, bool& takes_rest) {
    std::string_view name = segment.substr(1, segment.size() - 2);
    takes_rest = name.ends_with("...");
    if (takes_rest) name.remove_suffix(3);
    if (!http1::is_token(name)) refuse(pattern, "has a parameter without a name");
    return name;
}

}  // namespace

Router& Router::add(std::string_view method, std::string_view pattern, Handler handler) {
    if (!pattern.starts_with('/')) refuse(pattern, "does not begin with /");
    Node* node = &table_->root;
    std::vector<std::string> names;
    for (std::string_view path = pattern; !path.empty();) {
        const std::string_view segment = take_segment(path);
        if (!is_parameter(segment)) {
            if (segment.find_first_of("{}") != std::string_view::npos)
                refuse(pattern, "has a parameter that is not a whole segment");
            node = &node->literal_child(segment);
            continue;
        }
        bool takes_rest = false;
        const std::string name(parameter_name(pattern, segment, takes_rest));
        if (takes_rest && !path.empty()) refuse(pattern, "goes on behind what takes the rest");
        if (std::find(names.begin(), names.end(), name) != names.end()) refuse(pattern, "names two parameters alike");
        names.push_back(name);
        node = &Node::make(takes_rest ? node->rest : node->parameter);
    }
    if (names.size() > Request::kMaxParams) refuse(pattern, "has too many parameters");
    for (const Route& route : node->routes) {
        if (route.method == method) refuse(pattern, "is there already with that method");
    }
    node->routes.emplace_back(method, std::move(names), std::move(handler));
    const bool literal = pattern.find_first_of("{%") == std::string_view::npos;
    if (literal && node->routes.size() == 1) table_->literal.put(pattern, *node);
    return *this;
}

Router& Router::mount(std::string_view prefix, Handler handler) {
    if (!prefix.starts_with('/')) refuse(prefix, "does not begin with /");
    if (prefix.find_first_of("{}") != std::string_view::npos)
        refuse(prefix, "has a parameter, which a mount cannot have");
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    Node* node = &table_->root;
    for (std::string_view path = prefix; !path.empty();) node = &node->literal_child(take_segment(path));
    if (node->mounted) refuse(prefix, "is mounted already");
    node->mounted.emplace(std::move(handler));
    return *this;
}

Router& Router::use(Middleware middleware) {
    table_->middleware.push_back(std::move(middleware));
    return *this;
}

Router& Router::otherwise(Handler handler) {
    table_->not_found = std::move(handler);
    return *this;
}

Router::operator Handler() && {
    return Handler::selector(
        [router = std::move(*this)](Request& request) mutable -> Handler& { return router.select(request); });
}

Handler& Router::select(Request& request) {
    for (Middleware& middleware : table_->middleware) {
        if (request.middleware_count_ == Request::kMaxMiddleware)
            throw Error(Errc::limit_exceeded, "too much middleware");
        request.middleware_[request.middleware_count_++] = &middleware;
    }
    std::string_view path = request.routed_.substr(request.routed_from_);
    if (path.empty()) path = "/";
    Table::Search search;
    Node* node = table_->literal.find(path);
    if (!node) node = table_->find(table_->root, path, search);
    if (!node) return table_->not_found;
    if (search.mounted_from) {
        const auto behind = static_cast<std::size_t>(path.data() + path.size() - search.mounted_from);
        const std::size_t known = request.routed_.size() - request.routed_from_;
        request.routed_from_ = request.routed_.size() - std::min(behind, known);
        request.params_[0] = {"", Table::decoded(request.routed_.substr(request.routed_from_), request)};
        request.param_count_ = 1;
        return *node->mounted;
    }
    return table_->choose(*node, request, search);
}

// `path` is empty or begins with '/'.
Router::Node* Router::Table::find(Node& node, std::string_view path, Search& search) {
    if (path.empty() && !node.routes.empty()) return &node;
    if (!path.empty()) {
        std::string_view behind = path;
        const std::string_view segment = take_segment(behind);
        if (Node* found = find_child(node, segment, behind, search)) return found;
        if (node.rest && !hides_separator(path) && search.count < search.values.size()) {
            search.values[search.count++] = path.substr(1);
            return node.rest.get();
        }
    }
    if (!node.mounted) return nullptr;
    if (node.mounted->kind() != Handler::Kind::selector && hides_separator(path)) return nullptr;
    search.mounted_from = path.data();
    return &node;
}

Router::Node* Router::Table::find_child(Node& node, std::string_view segment, std::string_view path, Search& search) {
    for (Node::Child& child : node.children) {
        if (!same_segment(segment, child.literal)) continue;
        if (Node* found = find(*child.node, path, search)) return found;
    }
    if (!node.parameter || segment.empty() || search.count == search.values.size()) return nullptr;
    search.values[search.count++] = segment;
    if (Node* found = find(*node.parameter, path, search)) return found;
    --search.count;
    return nullptr;
}

Handler& Router::Table::choose(Node& node, Request& request, const Search& search) {
    request.node_ = &node;
    Route* route = node.route(request.method(), request.method_name());
    if (!route && request.is_head()) route = node.route(http1::Method::get);
    if (!route) route = node.route(http1::Method::other);
    if (!route) return request.method() == Method::options ? options : not_allowed;
    note_params(*route, request, search);
    return route->handler;
}

void Router::Table::note_params(const Route& route, Request& request, const Search& search) {
    request.param_count_ = 0;
    for (std::size_t i = 0; i < route.names.size(); ++i) {
        request.params_[request.param_count_++] = {route.names[i], decoded(search.values[i], request)};
    }
}

// There is room for it in text_, which never moves: Dispatch has seen to that.
std::string_view Router::Table::decoded(std::string_view value, Request& request) {
    if (value.find('%') == std::string_view::npos) return value;
    const std::size_t start = request.text_.size();
    http1::append_percent_decoded(value, request.text_);
    return std::string_view(request.text_).substr(start);
}

std::string Router::Table::allowed(const Node& node) {
    std::string list;
    const auto add = [&list](std::string_view method) {
        if (!list.empty()) list += ", ";
        list += method;
    };
    for (const Route& route : node.routes) {
        add(route.method);
        if (route.method == "GET") add("HEAD");
    }
    add("OPTIONS");
    return list;
}

}  // namespace bine::http
