// What the connections of one server share. Inner part of the server; confined to the reactor's thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bine/async/deferred.h"
#include "bine/base/intrusive_list.h"
#include "bine/base/log.h"
#include "bine/http/server.h"

namespace bine {
class Reactor;
}

namespace bine::http {

class Fields;
class ServerConnection;

struct Server::State {
    State(Handler root_handler, const ServerOptions& wanted);

    void connection_gone();
    // The lines that every answer has unless `fields` has them: Server and Date. Valid until the next call.
    std::string_view common_lines(const Fields& fields, Reactor& reactor);

    Handler handler;
    const ServerOptions options;
    IntrusiveList<ServerConnection, ServerConnection> connections;
    std::size_t connection_count = 0;
    std::optional<Promise<>> drained;  // whoever waits for the last connection
    uint64_t answered = 0;
    bool draining = false;
    log::Limit refused_log;

private:
    void refresh_date(Reactor& reactor);

    std::string common_;
    std::size_t date_at_ = 0;
    TimePoint date_until_{};
};

}  // namespace bine::http
