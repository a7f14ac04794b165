#include "bine/wire/http1/response_parser.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bine/wire/split_input.h"

namespace bine::http1 {
namespace {

using wire::SplitOptions;
using wire::Step;
using wire::Transcript;

const AnswerLimits kDefaults;

std::string render_fields(HeaderList table) {
    std::string text;
    for (const Header& header : table) text += std::string(header.name) + "=" + std::string(header.value) + ";";
    return text;
}

std::string render(const ResponseEvent& event) {
    if (event.kind == ResponseEvent::Kind::body) return std::string(event.body);
    if (event.kind == ResponseEvent::Kind::end) return "|" + render_fields(event.trailers) + ">";
    const AnswerHead& head = event.head;
    std::string text = event.kind == ResponseEvent::Kind::head ? "<" : "(";
    text += std::to_string(head.status) + " " + std::string(head.reason) + " 1." + std::to_string(head.minor_version);
    text += " " + render_fields(head.headers);
    return text + (event.kind == ResponseEvent::Kind::head ? "|" : ")");
}

// Expects answers to the same question, one behind the other.
Transcript run(std::string_view input, Expected expected = {}, const AnswerLimits& limits = kDefaults,
               SplitOptions options = {}) {
    const auto make = [&] {
        ResponseParser parser(limits);
        parser.expect(expected);
        return parser;
    };
    const auto say = [expected](ResponseParser& parser, const ResponseEvent& event) {
        if (event.kind != ResponseEvent::Kind::end) return render(event);
        std::string text = render(event);
        text += parser.changes_protocol() ? " changes" : parser.keep_alive() ? " goes on" : " closes";
        if (!parser.changes_protocol() && parser.keep_alive()) parser.expect(expected);
        return text;
    };
    return split_input(input, make, say, options);
}

Fault fault_of(std::string_view input, Expected expected = {}, const AnswerLimits& limits = kDefaults) {
    ResponseParser parser(limits);
    parser.expect(expected);
    ResponseEvent event;
    Step step = Step::event;
    while (step == Step::event) step = parser.next(input, event);
    return parser.fault();
}

struct Case {
    std::string_view input;
    Fault fault;
};

void check_all(const std::vector<Case>& cases) {
    for (const Case& one : cases) {
        CAPTURE(one.input);
        CHECK(fault_of(one.input) == one.fault);
        CHECK(run(one.input, {}, kDefaults, {.end = false}).code.value() != 0);
    }
}

TEST_CASE("an answer with a length is a head, pieces and an end") {
    const Transcript said = run("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA:  b \r\n\r\nhello");
    CHECK(said.events == "<200 OK 1.1 Content-Length=5;A=b;|hello|> goes on");
    CHECK(said.left.empty());
    CHECK(said.is(Errc::end_of_stream));
    CHECK(said.error == "the connection ended before any byte of the answer");
}

TEST_CASE("answers behind one another are told apart at every cut") {
    const std::string one = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
    const std::string two =
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n02;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n";
    const std::string three = "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n";
    const std::string last = "HTTP/1.0 200 Fine, thanks\r\n\r\nup to the end";
    const Transcript said = run(one + two + three + last);
    CHECK(said.events ==
          "<204 No Content 1.1 Content-Length=0;||> goes on"
          "<404 Not Found 1.1 Transfer-Encoding=Chunked;|abcde|T=1;> goes on"
          "<200  1.1 Content-Length=0;||> goes on"
          "<200 Fine, thanks 1.0 |up to the end|> closes");
    CHECK_FALSE(said.code);
}

TEST_CASE("what was asked and the status say whether there is a body") {
    const std::string fields = "Content-Length: 5\r\n\r\n";
    CHECK(run("HTTP/1.1 200 OK\r\n" + fields, {.method = Method::head}).events ==
          "<200 OK 1.1 Content-Length=5;||> goes on");
    CHECK(run("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", {.method = Method::head}).events ==
          "<200 OK 1.1 Transfer-Encoding=chunked;||> goes on");
    CHECK(run("HTTP/1.1 304 Not Modified\r\n" + fields).events == "<304 Not Modified 1.1 Content-Length=5;||> goes on");
    CHECK(run("HTTP/1.1 204 No Content\r\n\r\n").events == "<204 No Content 1.1 ||> goes on");
    CHECK(run("HTTP/1.1 200 OK\r\n\r\n", {.method = Method::head}).events == "<200 OK 1.1 ||> goes on");
    CHECK(run("HTTP/1.1 200 OK\r\n\r\n").events == "<200 OK 1.1 ||> closes");
    CHECK(run("HTTP/1.1 999 No\r\nContent-Length: 1\r\n\r\nx").events == "<999 No 1.1 Content-Length=1;|x|> goes on");
}

TEST_CASE("behind a change of protocol the bytes belong to the next one") {
    const std::string upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    Transcript said = run(upgrade + "\x81\x05", {.upgrade = true});
    CHECK(said.events.ends_with("||> changes"));
    CHECK(said.left == "\x81\x05");
    CHECK(fault_of(upgrade) == Fault::unasked_upgrade);
    CHECK(fault_of("HTTP/1.1 101 No\r\nUpgrade: x\r\n\r\n", {.upgrade = true}) == Fault::unasked_upgrade);
    CHECK(fault_of("HTTP/1.1 101 No\r\nConnection: upgrade\r\n\r\n", {.upgrade = true}) == Fault::unasked_upgrade);

    const Expected connect{.method = Method::connect};
    said = run("HTTP/1.1 200 Connected\r\nContent-Length: 7\r\n\r\n\x16\x03\x01", connect);
    CHECK(said.events == "<200 Connected 1.1 Content-Length=7;||> changes");
    CHECK(said.left == "\x16\x03\x01");
    CHECK(run("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno", connect).events ==
          "<407 No 1.1 Content-Length=2;|no|> goes on");
}

TEST_CASE("interim answers come before the answer, and not without end") {
    const std::string interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    CHECK(run(interim + answer).events ==
          "(100 Continue 1.1 )(103 Early Hints 1.1 Link=x;)<200 OK 1.1 Content-Length=0;||> goes on");
    std::string many;
    for (int i = 0; i < 16; ++i) many += "HTTP/1.1 102 Processing\r\n\r\n";
    CHECK(fault_of(many + answer) == Fault::none);
    const std::string endless = many + "HTTP/1.1 102 Processing\r\n\r\n" + answer;
    CHECK(fault_of(endless) == Fault::many_interim);
    CHECK(run(endless).is(Errc::limit_exceeded));
}

TEST_CASE("whether the connection goes on is a matter of version, Connection and length") {
    const auto goes_on = [](std::string_view version, std::string_view fields) {
        const std::string input = "HTTP/" + std::string(version) + " 200 OK\r\n" + std::string(fields) + "\r\n";
        return run(input).events.ends_with(" goes on");
    };
    CHECK(goes_on("1.1", "Content-Length: 0\r\n"));
    CHECK_FALSE(goes_on("1.1", "Content-Length: 0\r\nConnection: close\r\n"));
    CHECK_FALSE(goes_on("1.1", "Content-Length: 0\r\nConnection: keep-alive, Close\r\n"));
    CHECK_FALSE(goes_on("1.0", "Content-Length: 0\r\n"));
    CHECK(goes_on("1.0", "Content-Length: 0\r\nConnection: Keep-Alive\r\n"));
    CHECK_FALSE(goes_on("1.1", ""));
}

TEST_CASE("a wrong status line is refused") {
    check_all({
        {"HTTP/1.1\r\n\r\n", Fault::bad_status_line},
        {"HTTP/1.1 \r\n\r\n", Fault::bad_status_line},
        {"HTTP/1.1 20\r\n\r\n", Fault::bad_status_line},
        {"HTTP/1.1 2x0 OK\r\n\r\n", Fault::bad_status},
        {"HTTP/1.1 099 OK\r\n\r\n", Fault::bad_status},
        {"HTTP/1.1 -20 OK\r\n\r\n", Fault::bad_status},
        {"HTTP/1.1 2000 OK\r\n\r\n", Fault::bad_status},
        {"HTTP/1.1 200OK\r\n\r\n", Fault::bad_status},
        {"HTTP/1.1  200 OK\r\n\r\n", Fault::bad_status},
        {"HTTP/1.1\t200 OK\r\n\r\n", Fault::bad_version},
        {"HTTP/1.1 200\tOK\r\n\r\n", Fault::bad_status},
        {"HTTP/1.1 200 OK\n\n", Fault::bad_line_end},
        {"HTTP/1.1 200 OK\r\r\n\n", Fault::bad_line_end},
        {"HTTP/1.1 200 O\x01K\r\n\r\n", Fault::bad_status_line},
        {"HTTP/1.1 200\n\n", Fault::bad_line_end},
        {"http/1.1 200 OK\r\n\r\n", Fault::bad_version},
        {"ICY 200 OK\r\n\r\n", Fault::bad_version},
        {"HTTP/1 200 OK\r\n\r\n", Fault::bad_version},
        {"HTTP/1.10 200 OK\r\n\r\n", Fault::bad_version},
        {"HTTP/0.9 200 OK\r\n\r\n", Fault::unsupported_version},
        {"HTTP/2.0 200 OK\r\n\r\n", Fault::unsupported_version},
        {"HTTP/1.2 200 OK\r\n\r\n", Fault::unsupported_version},
        {"SSH-2.0-OpenSSH_9.2\r\n", Fault::bad_version},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", Fault::bad_version},
        {"\n", Fault::bad_status_line},
    });
    CHECK(fault_of("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n") == Fault::none);
    CHECK(run("HTTP/1.1 200 \xc3\xa4\t\r\nContent-Length: 0\r\n\r\n").events.starts_with("<200 \xc3\xa4\t 1.1"));
}

TEST_CASE("a wrong field is refused as in a request") {
    const auto with = [](std::string_view field) {
        return fault_of("HTTP/1.1 200 OK\r\n" + std::string(field) + "\r\n\r\n");
    };
    CHECK(with("A : b") == Fault::blank_before_colon);
    CHECK(with("A") == Fault::bad_field_name);
    CHECK(with("A: b\r\n folded") == Fault::folded_line);
    CHECK(with("A: \x01") == Fault::bad_field_value);
    CHECK(with("A: b\nB: c") == Fault::bad_line_end);
    CHECK(with("Content-Length: +5") == Fault::bad_length);
    CHECK(with("Content-Length: 5, 5") == Fault::bad_length);
    CHECK(with("Content-Length: 5\r\nContent-Length: 5") == Fault::repeated_length);
    CHECK(with("Content-Length: 99999999999999999999") == Fault::bad_length);
    CHECK(with("Content-Length: 5\r\nTransfer-Encoding: chunked") == Fault::two_lengths);
    CHECK(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked") == Fault::repeated_coding);
    CHECK(with("Transfer-Encoding: gzip, chunked") == Fault::unknown_coding);
    CHECK(with("Transfer-Encoding: chunked, gzip") == Fault::chunked_not_last);
    CHECK(with("Transfer-Encoding: chunked, chunked") == Fault::chunked_not_last);
    CHECK(with("Transfer-Encoding: gzip") == Fault::chunked_not_last);
    CHECK(with("Transfer-Encoding: ,") == Fault::bad_coding);
    CHECK(fault_of("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") == Fault::coding_in_1_0);
    CHECK(with("Host: what is this\r\nHost: again\r\nExpect: wonders") == Fault::none);
}

TEST_CASE("a wrong chunk or trailer is refused") {
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto with = [&head](std::string_view body) { return fault_of(head + std::string(body)); };
    CHECK(with("x\r\n") == Fault::bad_chunk_size);
    CHECK(with("-1\r\n") == Fault::bad_chunk_size);
    CHECK(with("0x1\r\nx") == Fault::bad_chunk_size);
    CHECK(with("ffffffffffffffff\r\n") == Fault::bad_chunk_size);
    CHECK(with("1\nx") == Fault::bad_line_end);
    CHECK(with("1\r\nxy") == Fault::bad_chunk_end);
    CHECK(with("1;\r\nx") == Fault::bad_chunk_extension);
    CHECK(with("0\r\nContent-Length: 1\r\n\r\n") == Fault::forbidden_trailer);
    CHECK(with("0\r\nA: \x01\r\n\r\n") == Fault::bad_field_value);
    std::string costly;
    for (int i = 0; i < 4000; ++i) costly += "1;" + std::string(60, 'e') + "\r\nx\r\n";
    CHECK(with(costly) == Fault::chunk_overhead);
}

TEST_CASE("more than the limits is refused, as soon as a byte beyond is there") {
    const AnswerLimits limits{.status_line = 32, .head = 80, .fields = 3, .trailers = 24, .interim = 1, .body = 10};
    const auto fault = [&limits](std::string_view input) { return fault_of(input, {}, limits); };
    const std::string start = "HTTP/1.1 200 OK\r\n";
    CHECK(fault("HTTP/1.1 200 " + std::string(18, 'r')) == Fault::none);
    CHECK(fault("HTTP/1.1 200 " + std::string(20, 'r')) == Fault::long_status_line);
    CHECK(fault(start + "A: " + std::string(60, 'a')) == Fault::none);
    CHECK(fault(start + "A: " + std::string(61, 'a')) == Fault::long_answer_head);
    CHECK(fault(start + "A:1\r\nB:2\r\nC:3\r\n\r\n") == Fault::none);
    CHECK(fault(start + "A:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n") == Fault::many_fields);
    CHECK(fault(start + "Content-Length: 10\r\n\r\n") == Fault::none);
    CHECK(fault(start + "Content-Length: 11\r\n\r\n") == Fault::long_body);
    CHECK(fault(start + "\r\n0123456789") == Fault::none);
    CHECK(fault(start + "\r\n0123456789x") == Fault::long_body);
    const std::string chunked = start + "Transfer-Encoding: chunked\r\n\r\n";
    CHECK(fault(chunked + "a\r\n0123456789\r\n") == Fault::none);
    CHECK(fault(chunked + "b\r\n") == Fault::long_body);
    CHECK(fault(chunked + "a\r\n0123456789\r\n1\r\n") == Fault::long_body);
    CHECK(fault(chunked + "0\r\nA: " + std::string(22, 'a')) == Fault::long_trailers);
    for (const std::string& input :
         {start + "\r\n0123456789x", chunked + "a\r\n0123456789\r\n1\r\n", start + "A:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n",
          start + "A: " + std::string(70, 'a')}) {
        CHECK(run(input, {}, limits).is(Errc::limit_exceeded));
    }
}

TEST_CASE("the limit of a body can be another for one answer") {
    ResponseParser parser(kDefaults);
    parser.expect({});
    ResponseEvent event;
    std::string_view input = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    REQUIRE(parser.next(input, event) == Step::event);
    parser.limit_body(2);
    CHECK(parser.next(input, event) == Step::error);
    CHECK(parser.fault() == Fault::long_body);
}

TEST_CASE("an answer that is cut short is told from one that ends, and from none") {
    const auto end_of = [](std::string_view input) {
        ResponseParser parser(kDefaults);
        parser.expect({});
        ResponseEvent event;
        while (parser.next(input, event) == Step::event) {
        }
        const bool content = parser.end().has_value();
        return content ? Fault::none : parser.fault();
    };
    CHECK(end_of("") == Fault::no_answer);
    CHECK(end_of("H") == Fault::cut_short);
    CHECK(end_of("HTTP/1.1 100 Continue\r\n\r\n") == Fault::cut_short);
    CHECK(end_of("HTTP/1.1 200 OK\r\nA: b\r\n") == Fault::cut_short);
    CHECK(end_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n") == Fault::cut_short);
    CHECK(end_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx") == Fault::cut_short);
    CHECK(end_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxy") == Fault::none);
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const std::string_view part : {"", "1", "1\r\n", "1\r\nx", "1\r\nx\r\n", "0\r\n", "0\r\nA: b\r\n"})
        CHECK(end_of(chunked + std::string(part)) == Fault::cut_short);
    CHECK(end_of(chunked + "0\r\n\r\n") == Fault::none);
    CHECK(end_of("HTTP/1.1 200 OK\r\n\r\n") == Fault::none);
    CHECK(end_of("HTTP/1.1 200 OK\r\n\r\nsome") == Fault::none);
}

TEST_CASE("bytes that answer nothing are an error") {
    ResponseParser parser(kDefaults);
    ResponseEvent event;
    std::string_view nothing;
    CHECK(parser.next(nothing, event) == Step::need_more);
    CHECK(parser.end());
    std::string_view input = "HTTP/1.1 408 Request Timeout\r\n\r\n";
    CHECK(parser.next(input, event) == Step::error);
    CHECK(parser.fault() == Fault::unasked_bytes);
    CHECK(parser.error().is(Errc::remote_protocol));
    CHECK_FALSE(parser.end());
}

TEST_CASE("answers are parsed in time linear in their length, also byte by byte") {
    std::string head = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 100; ++i) head += "Name-" + std::to_string(i) + ": " + std::string(500, 'v') + "\r\n";
    head += "Content-Length: 0\r\n\r\n";
    ResponseParser parser(kDefaults);
    parser.expect({});
    ResponseEvent event;
    std::size_t events = 0;
    for (std::size_t end = 1; end <= head.size(); ++end) {
        std::string_view input(head.data(), end);
        while (parser.next(input, event) == Step::event) ++events;
    }
    CHECK(events == 2);
}

}  // namespace
}  // namespace bine::http1
