import FuzzSupport
import Net
import Router

// The Amanda helper: requests, and answers that name ports.

@_cdecl("AmandaFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments) { bytes, count in
        var input = unsafe FuzzInput(bytes, count)
        unsafe exchangeDatagrams(router, port: 10080, &input)
        unsafe router.forget()
        return 0
    }
}

nonisolated(unsafe) private let router = FuzzRouter { $0.conntrack.helpers = [.amanda: [10080]] }
