#include "bine/testing/scripted_peer.h"

#include <doctest/doctest.h>

#include "bine/testing/string_transport.h"

namespace bine::testing {
namespace {

TEST_CASE("a script is played in order, with bytes in pieces of any size") {
    ScriptedPeer peer;
    peer.expect("hello\r\n").send("welcome\r\n").expect_until("\n\n").send("bye").shutdown_writing().expect_end();
    StringTransport transport;
    transport.start(peer.make_protocol());
    transport.receive_byte_by_byte("hello\r\n");
    CHECK(transport.take_written() == "welcome\r\n");
    transport.receive("whatever\n");
    CHECK(transport.written().empty());
    transport.receive("\n");
    CHECK(transport.take_written() == "bye");
    CHECK(transport.has_ended());
    CHECK(peer.problem() == "the end was expected and did not come");
    transport.receive_end();
    CHECK(peer.is_done());
    CHECK(peer.problem() == "");
    CHECK(peer.received() == "hello\r\nwhatever\n\n");
}

TEST_CASE("a wrong byte is told at once, and the connection aborted") {
    ScriptedPeer peer;
    peer.expect("hello").send("never");
    StringTransport transport;
    transport.start(peer.make_protocol());
    transport.receive("he");
    CHECK(peer.problem() == "expected hello, but received he");
    CHECK_FALSE(transport.is_aborted());
    transport.receive("x");
    CHECK(peer.problem() == "expected hello, but received hex");
    CHECK(transport.is_aborted());
    CHECK(transport.written().empty());
}

TEST_CASE("bytes after the script's end are a problem") {
    ScriptedPeer peer;
    peer.expect("a");
    StringTransport transport;
    transport.start(peer.make_protocol());
    transport.receive("ab");
    CHECK(peer.problem() == "more came than was expected: b");
}

TEST_CASE("a connection that is lost too early is a problem") {
    ScriptedPeer peer;
    peer.expect("a").send("b");
    CHECK(peer.problem() == "no connection was made");
    StringTransport transport;
    transport.start(peer.make_protocol());
    transport.fail(Error(Errc::closed, "cut"));
    transport.settle();
    CHECK(peer.problem() == "expected a, but received ");
}

}  // namespace
}  // namespace bine::testing
