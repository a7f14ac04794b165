// What tools/check_coroutines.py must find (lines that end in `// BAD rule`) and what it must leave alone. Never built.
#include <coroutine>
#include <string>
#include <utility>
#include <vector>

namespace {

template <typename T>
struct Task {
    struct promise_type {
        Task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        template <typename U>
        void return_value(U&&) {}
        void unhandled_exception() {}
    };
    bool await_ready() { return true; }
    void await_suspend(std::coroutine_handle<>) {}
    T await_resume() { return T(); }
};

struct Trivial {
    const char* host = "";
    int port = 0;
};
struct Owning {
    std::string host;
    int port = 0;
};
class Constructed {
public:
    Constructed(std::string host) : host_(std::move(host)) {}

private:
    std::string host_;
};

template <typename F>
Task<int> call(F) { co_return 1; }
Task<int> connect(Trivial) { co_return 1; }
Task<int> connect_owning(Owning) { co_return 1; }
Task<int> connect_reference(const Owning&) { co_return 1; }
Task<int> connect_constructed(Constructed) { co_return 1; }
Task<int> number(int = 0) { co_return 1; }
Task<std::string> word() { co_return "x"; }

Task<int> bad(bool yes, std::string text) {
    co_await call([text] { return text; });                              // BAD lambda
    co_await connect_owning({.host = "here", .port = 1});                // BAD aggregate
    co_await connect_owning({});                                         // BAD aggregate
    co_await connect_reference(Owning{"here", 1});                       // BAD aggregate
    const auto chosen = yes ? co_await word() : std::string();           // BAD conditional
    const Owning made{co_await word(), 1};                               // BAD list
    const std::vector<int> two{co_await number(), 1};                    // BAD list
    int sum = co_await number() + co_await number();                     // BAD twice
    sum += co_await number(co_await number());                           // BAD twice
    if (co_await number() == 1 && co_await number() == 2) sum = 1;       // BAD twice
    auto inner = [](std::string s) -> Task<int> {
        co_return co_await call([s] { return s; });                      // BAD lambda
    };
    co_return sum + chosen.size() + made.port + two[0] + (inner(text), 0);
}

template <typename T>
Task<int> bad_template(T text) {
    co_return co_await call([text] { return text; });                    // BAD lambda
}
Task<int> instance() { return bad_template(std::string()); }

Task<int> good(bool yes, std::string text) {
    auto hoisted = [text] { return text; };
    co_await call(hoisted);
    co_await call([&] { return text; });
    co_await call([yes] { return yes; });
    co_await connect({.host = "here", .port = 1});
    co_await connect_constructed({"here"});
    co_await connect_constructed(Constructed("here"));
    const Owning named{.host = "here", .port = 1};
    co_await connect_reference(named);
    const int first = co_await number();
    const int sum = first + co_await number();
    const int chosen = yes ? 1 : 2;
    struct Row {
        Task<int> (*body)(bool);
    };
    const std::vector<Row> rows{{[](bool) -> Task<int> { co_return co_await number(); }},
                                {[](bool) -> Task<int> { co_return co_await number(); }}};
    auto pair = std::pair([]() -> Task<int> { co_return co_await number(); },
                          []() -> Task<int> { co_return co_await number(); });
    co_return sum + chosen + (rows.empty() ? 1 : 0) + (pair.first(), 0);
}

}  // namespace

int main() {
    bad(true, "");
    good(true, "");
    instance();
}
