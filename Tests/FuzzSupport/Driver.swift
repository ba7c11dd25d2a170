/// Runs libFuzzer's own main with `body` as what is fuzzed. Each fuzzer gives its entry the name that the package manager wants, that of its
/// target and `_main`.
public func runFuzzer(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt {
    var count = count
    var arguments = unsafe arguments
    return unsafe runDriver(&count, &arguments, body)
}

/// The same with a router in memory, to which `body` sends what an input says; it forgets everything after each.
public func runFuzzer(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, on router: FuzzRouter = FuzzRouter(),
    _ body: @escaping (inout FuzzInput, FuzzRouter) -> Void
) -> CInt {
    unsafe fuzzed = (router, body)
    return unsafe runFuzzer(count, arguments) { bytes, count in
        guard let (router, body) = unsafe fuzzed else { return 0 }
        var input = unsafe FuzzInput(bytes, count)
        body(&input, router)
        router.forget()
        return 0
    }
}

/// Here, since what libFuzzer calls cannot capture it. libFuzzer has one thread.
nonisolated(unsafe) private var fuzzed: (router: FuzzRouter, body: (inout FuzzInput, FuzzRouter) -> Void)?

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt
