// What answers say, and how hostile ones are refused.
#include "bine/names/message.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "tests/names/message_writer.h"

namespace bine::names {
namespace {

using namespace std::chrono_literals;
using testing::labels;
using testing::MessageWriter;
using testing::number16;
using testing::pointer;

constexpr char kIp[] = "\x0a\x01\x02\x03";
const std::string kIp6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);

std::string error_of(const std::string& message, std::string_view name = "a.example", RecordType type = RecordType::a) {
    const auto found = parse_answer(message, name, type);
    return found ? "no error" : found.error().text();
}

TEST_CASE("addresses, with the shortest time that one of them holds") {
    const std::string message = MessageWriter()
                                    .question("a.example", testing::kA)
                                    .a("a.example", 300, kIp)
                                    .a("a.example", 60, "\x0a\x01\x02\x04")
                                    .message();
    const auto found = parse_answer(message, "A.Example", RecordType::a);
    REQUIRE(found);
    CHECK(found->outcome == Records::Outcome::found);
    REQUIRE(found->addresses.size() == 2);
    CHECK(found->addresses[0].host() == "10.1.2.3");
    CHECK(found->addresses[1].host() == "10.1.2.4");
    CHECK(found->ttl == 60s);
    CHECK(found->alias.empty());

    const std::string ipv6 =
        MessageWriter().question("a.example", testing::kAaaa).record(pointer(12), testing::kAaaa, 5, kIp6).message();
    const auto found6 = parse_answer(ipv6, "a.example", RecordType::aaaa);
    REQUIRE(found6);
    REQUIRE(found6->addresses.size() == 1);
    CHECK(found6->addresses[0].host() == "2001:db8::1");
}

TEST_CASE("services, texts and names") {
    const std::string data = number16(10) + number16(5) + number16(5222) + labels("Chat.Example");
    const auto services = parse_answer(MessageWriter()
                                           .question("_x._tcp.example", testing::kSrv)
                                           .record(pointer(12), testing::kSrv, 9, data)
                                           .message(),
                                       "_x._tcp.example", RecordType::srv);
    REQUIRE(services);
    CHECK(services->services == std::vector{Service{"chat.example", 5222, 10, 5}});

    const auto texts = parse_answer(MessageWriter()
                                        .question("t.example", testing::kTxt)
                                        .record(pointer(12), testing::kTxt, 9, "\3one\4 two")
                                        .record(pointer(12), testing::kTxt, 9, std::string("\0\1\xff", 3))
                                        .message(),
                                    "t.example", RecordType::txt);
    REQUIRE(texts);
    CHECK(texts->texts == std::vector<std::string>{"one two", "\xff"});

    const std::string odd("\5a.b\n\\\7example\0", 15);
    const auto names = parse_answer(
        MessageWriter().question("3.in-addr.arpa", testing::kPtr).record(pointer(12), testing::kPtr, 9, odd).message(),
        "3.in-addr.arpa", RecordType::ptr);
    REQUIRE(names);
    CHECK(names->texts == std::vector<std::string>{"a\\.b\\010\\\\.example"});
}

TEST_CASE("aliases are followed, in any order, and their time counts") {
    const std::string message = MessageWriter()
                                    .question("a.example", testing::kA)
                                    .a("c.example", 300, kIp)
                                    .alias("b.example", 20, "c.example")
                                    .alias("a.example", 30, "b.example")
                                    .a("a.example.evil", 300, "\1\1\1\1")
                                    .message();
    const auto found = parse_answer(message, "a.example", RecordType::a);
    REQUIRE(found);
    REQUIRE(found->addresses.size() == 1);
    CHECK(found->addresses[0].host() == "10.1.2.3");
    CHECK(found->alias == "c.example");
    CHECK(found->ttl == 20s);
}

TEST_CASE("that there is nothing holds as long as the authority says") {
    const auto none = parse_answer(MessageWriter(7, 0x8183).question("a.example", testing::kA).soa(600, 90).message(),
                                   "a.example", RecordType::a);
    REQUIRE(none);
    CHECK(none->outcome == Records::Outcome::no_such_name);
    CHECK(none->ttl == 90s);
    const auto other = parse_answer(
        MessageWriter().question("a.example", testing::kA).alias("a.example", 30, "b.example").soa(45, 90).message(),
        "a.example", RecordType::a);
    REQUIRE(other);
    CHECK(other->outcome == Records::Outcome::no_such_record);
    CHECK(other->alias == "b.example");
    CHECK(other->ttl == 30s);
    const auto silent =
        parse_answer(MessageWriter(7, 0x8183).question("a.example", testing::kA).message(), "a.example", RecordType::a);
    REQUIRE(silent);
    CHECK(silent->ttl == 0s);
}

TEST_CASE("times with the highest bit, and records of other classes, do not count") {
    const auto found = parse_answer(MessageWriter()
                                        .question("a.example", testing::kA)
                                        .a("a.example", 0x80000001, kIp)
                                        .record(pointer(12), testing::kA, 9, "\1\1\1\1", 3)
                                        .message(),
                                    "a.example", RecordType::a);
    REQUIRE(found);
    CHECK(found->addresses.size() == 1);
    CHECK(found->ttl == 0s);
}

TEST_CASE("what the server says in place of an answer") {
    for (const auto& [code, words] :
         {std::pair<std::size_t, const char*>{1, "it does not understand the question (FORMERR)"},
          {2, "it could not find out (SERVFAIL)"},
          {4, "it cannot answer such questions (NOTIMP)"},
          {5, "it refuses to answer (REFUSED)"},
          {9, "it answered with error code 9"}}) {
        const std::string message = MessageWriter(7, 0x8180 | code).question("a.example", testing::kA).message();
        CHECK(error_of(message) == words);
        CHECK(parse_answer(message, "a.example", RecordType::a).error().is_errno(EAGAIN));
    }
}

TEST_CASE("answers to other questions, and what is no answer, are refused") {
    const std::string other = "its message answers another question";
    CHECK(error_of(MessageWriter().question("b.example", testing::kA).message()) == other);
    CHECK(error_of(MessageWriter().question("a.example", testing::kAaaa).message()) == other);
    CHECK(error_of(MessageWriter().question("a.example", testing::kA, 3).message()) == other);
    CHECK(error_of(MessageWriter().message()) == "its message answers no question, or several");
    CHECK(error_of(MessageWriter().question("a.example", testing::kA).question("a.example", testing::kA).message()) ==
          "its message answers no question, or several");
    CHECK(error_of(MessageWriter(7, 0x0100).question("a.example", testing::kA).message()) ==
          "its message is no answer");
    CHECK(error_of(MessageWriter(7, 0x8380).question("a.example", testing::kA).a("a.example", 9, kIp).message()) ==
          "its message says that it is cut short");
}

TEST_CASE("a message that ends anywhere before its end is cut short") {
    const std::string whole = MessageWriter()
                                  .question("a.example", testing::kA)
                                  .alias("a.example", 30, "b.example")
                                  .a("b.example", 300, kIp)
                                  .message();
    REQUIRE(parse_answer(whole, "a.example", RecordType::a));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK(error_of(whole.substr(0, size)) == "its message is cut short");
    }
    CHECK(parse_answer(whole + "more", "a.example", RecordType::a));
}

TEST_CASE("records that are not as long as they say") {
    const auto a = [](const std::string& data) {
        return error_of(MessageWriter().question("a.example", testing::kA).a("a.example", 1, data).message() +
                        "padding");
    };
    CHECK(a("\1\1\1") == "a record in its message is not as long as it says");
    CHECK(a("\1\1\1\1\1") == "a record in its message is not as long as it says");
    const std::string text =
        MessageWriter().question("a.example", testing::kTxt).record(pointer(12), testing::kTxt, 1, "\5abc").message();
    CHECK(error_of(text, "a.example", RecordType::txt) == "a TXT record in its message is cut short");
}

TEST_CASE("names that lead in circles, or forward, or are too long") {
    const std::string circle = "a name in its message leads in a circle";
    const auto with_owner = [](const std::string& owner) {
        return error_of(
            MessageWriter().question("a.example", testing::kA).record(owner, testing::kA, 1, kIp).message());
    };
    constexpr std::size_t kOwner = 12 + 11 + 4;  // where the first owner stands
    CHECK(with_owner(pointer(kOwner)) == circle);
    CHECK(with_owner(pointer(kOwner + 20)) == circle);
    CHECK(with_owner("\1x" + pointer(kOwner)) == circle);
    CHECK(with_owner(pointer(4)) == circle);
    CHECK(with_owner("\x40x") == "a name in its message has a label of an unknown kind");
    std::string name;
    for (int i = 0; i < 127; ++i) name += "\1x";
    CHECK(with_owner(name + '\0') == "no error");
    CHECK(with_owner("\1y" + name + '\0') == "a name in its message is too long");
}

TEST_CASE("chains of aliases end: those that lead in a circle, and those that are only long") {
    const std::string words = "it answered with too long a chain of aliases, or one that leads in a circle";
    CHECK(error_of(MessageWriter()
                       .question("a.example", testing::kA)
                       .alias("a.example", 1, "b.example")
                       .alias("b.example", 1, "a.example")
                       .message()) == words);
    MessageWriter message;
    message.question("0.example", testing::kA);
    for (int i = 0; i < 16; ++i) message.alias(std::to_string(i) + ".example", 1, std::to_string(i + 1) + ".example");
    message.a("16.example", 1, kIp);
    CHECK(error_of(message.message(), "0.example") == "no error");
    message.alias("16.example", 1, "17.example");
    CHECK(error_of(message.message(), "0.example") == words);
}

// Pointers that each lead to the one before, 2 bytes apart, and records that all begin at the end of the chain.
TEST_CASE("the work of a message is bounded as a whole") {
    constexpr std::size_t kChain = 8000;
    MessageWriter chain;
    chain.question("a.example", testing::kTxt);
    std::string pointers = labels("x");
    std::size_t last = chain.size() + 1 + 10;  // the data of the first record
    for (std::size_t i = 0; i < kChain && last < 0x3fff; ++i) {
        const std::size_t next = chain.size() + 11 + pointers.size();
        pointers += pointer(last);
        last = next;
    }
    chain.record(std::string(1, '\0'), testing::kTxt, 1, pointers);
    const std::size_t one = last - 2;
    for (int i = 0; i < 500; ++i) chain.record(pointer(std::min<std::size_t>(one, 0x3ff0)), testing::kTxt, 1, "");
    REQUIRE(chain.size() < 65536);
    const auto found = parse_answer(chain.message(), "a.example", RecordType::txt);
    REQUIRE(!found);
    CHECK(found.error().is(Errc::limit_exceeded));
    CHECK(found.error().text() == "the names in its message are too much work");
}

TEST_CASE("more records than are looked at are an error, whatever there is of them") {
    CHECK(error_of(MessageWriter().question("a.example", testing::kA).counts(1, 1001, 0).message()) ==
          "its message has too many records");
    CHECK(error_of(MessageWriter().question("a.example", testing::kA).counts(1, 65535, 65535).message()) ==
          "its message has too many records");
    CHECK(error_of(MessageWriter().question("a.example", testing::kA).counts(1, 1000, 0).message()) ==
          "its message is cut short");
}

}  // namespace
}  // namespace bine::names
