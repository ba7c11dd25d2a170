import FuzzSupport
import Net
import Router

// The TFTP helper: datagrams of any kind in both directions, answers from any port.

@_cdecl("TFTPFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments) { bytes, count in
        var input = unsafe FuzzInput(bytes, count)
        unsafe exchangeDatagrams(router, port: 69, &input)
        unsafe router.forget()
        return 0
    }
}

nonisolated(unsafe) private let router = FuzzRouter { $0.conntrack.helpers = [.tftp: [69]] }
