// Something that listens, by whatever endpoint it was made.
#pragma once

#include <memory>

#include "bine/async/deferred.h"
#include "bine/driver/address.h"

namespace bine {

// Dropping a Port stops the listening; the connections that it made go on. Must not outlive the reactor.
class Port {
public:
    // What an endpoint implements.
    class Source {
    public:
        virtual ~Source() = default;
        virtual void close() noexcept = 0;
        virtual bool is_open() const noexcept = 0;
        virtual Address address() const = 0;
        virtual std::size_t connections() const noexcept = 0;
        // Ends when it is open no more.
        virtual Deferred<> closed() = 0;
    };

    explicit Port(std::unique_ptr<Source> source) noexcept : source_(std::move(source)) {}

    // Nobody is accepted any more. What waits in closed() goes on.
    void close() noexcept { source_->close(); }
    Deferred<> closed() { return source_->closed(); }
    bool is_open() const noexcept { return source_->is_open(); }
    // With the port that the system chose; no address for standard input and output.
    Address address() const { return source_->address(); }
    // Those that are there now.
    std::size_t connections() const noexcept { return source_->connections(); }

private:
    std::unique_ptr<Source> source_;
};

}  // namespace bine
