#include "bine/wire/http1/pen.h"

#include "bine/base/text.h"
#include "bine/wire/http1/framing.h"
#include "bine/wire/http1/lines.h"

namespace bine::http1 {

std::size_t room_for(std::span<const Header> headers) noexcept {
    std::size_t room = 0;
    for (const Header& header : headers) room += header.name.size() + header.value.size() + 4;
    return room;
}

Result<> check_fields(std::span<const Header> headers) {
    for (const Header& header : headers) {
        if (!is_sendable(header.name, header.value)) {
            return fail(Errc::local_protocol, "a header field to send is no name and value: " + escape(header.name));
        }
        if (is_framing_field(header.name)) {
            return fail(Errc::local_protocol,
                        "a header field to send is for bine alone to set: " + escape(header.name));
        }
    }
    return {};
}

void append_last_chunk(Output& output, std::span<const Header> trailers) {
    Pen pen(output.prepare(8 + room_for(trailers)));
    pen.put("0\r\n");
    for (const Header& trailer : trailers) pen.put(trailer);
    pen.put("\r\n");
    output.commit(pen.used());
}

}  // namespace bine::http1
