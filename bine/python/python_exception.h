// A Python exception on its way through C++: the cause of an Error, which exception_of() gives back as the very same object.
//
// Confined to the loop's thread, as the reference in it is.
#pragma once

#include <exception>
#include <string>

#include "bine/base/error.h"
#include "bine/base/ref.h"
#include "bine/python/kept.h"

namespace bine::python {

class PythonException final : public std::exception {
public:
    // With the GIL.
    explicit PythonException(Object thrown);

    // "ValueError: invalid literal".
    const char* what() const noexcept override { return shared_->text.c_str(); }
    // With the GIL: a new reference.
    Object object() const noexcept { return shared_->exception.share(); }

private:
    struct Shared final : Counted {
        Kept exception;
        std::string text;
    };
    Ref<Shared> shared_;
};

// An Error that carries `exception`. With the GIL.
Error error_of(Object exception);
// The exception that `error` carries; null when it carries none.
Object carried_exception(const Error& error) noexcept;

}  // namespace bine::python
