import FuzzSupport
import Net
import Router

// The Amanda helper: requests, and answers that name ports.

@_cdecl("AmandaFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments, on: FuzzRouter { $0.conntrack.helpers = [.amanda: [10080]] }) { input, router in
        exchangeDatagrams(router, port: 10080, &input)
    }
}
