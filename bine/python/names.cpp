#include "bine/python/names.h"

#include <netinet/in.h>

#include <cstring>
#include <string>

namespace bine::python {

Object name_of(const Address& address, bool is_unix) {
    const std::string host = address.host();
    switch (address.family()) {
        case Address::Family::none:
            return is_unix ? Object::owned(PyUnicode_FromString("")) : Object::borrowed(Py_None);
        case Address::Family::ipv4: return Object::owned(Py_BuildValue("(si)", host.c_str(), int{address.port()}));
        case Address::Family::ipv6: {
            sockaddr_storage native{};
            address.to_native(reinterpret_cast<sockaddr*>(&native));
            sockaddr_in6 v6{};
            std::memcpy(&v6, &native, sizeof v6);
            return Object::owned(
                Py_BuildValue("(siII)", host.c_str(), int{address.port()}, ntohl(v6.sin6_flowinfo), v6.sin6_scope_id));
        }
        case Address::Family::local: {
            const std::string_view path = address.path();
            if (!path.empty() && path.front() == '\0')
                return Object::owned(PyBytes_FromStringAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
            return Object::owned(PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
        }
    }
    return Object::borrowed(Py_None);
}

}  // namespace bine::python
