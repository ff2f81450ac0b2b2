using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;

/// <summary>A client of the hub for .NET Framework 4.8 and later: REST, webhooks, the national client API.</summary>
public static class Lienthong
{
    private static readonly HttpClient Http = Make();

    private static HttpClient Make()
    {
        ServicePointManager.SecurityProtocol |= SecurityProtocolType.Tls12;
        // Two by default: one call that waits for mail would leave one for all others.
        ServicePointManager.DefaultConnectionLimit = Math.Max(16, ServicePointManager.DefaultConnectionLimit);
        return new HttpClient { Timeout = TimeSpan.FromSeconds(620) };
    }

    /// <summary>Send a message as stored. An exception means: perhaps accepted; send the same bytes again.
    /// So do 408, 429 and 5xx, after Retry-After. Any other 4xx is final: show title and detail.</summary>
    public static Task<HttpResponseMessage> Send(string hub, string key, byte[] edxml)
    {
        var request = Request(HttpMethod.Post, hub + "/api/v1/documents", key);
        request.Content = new ByteArrayContent(edxml);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/xml");
        return Http.SendAsync(request);
    }

    /// <summary>Ask for what has come, waiting up to 25 seconds.</summary>
    public static Task<HttpResponseMessage> Inbox(string hub, string key)
    {
        return Http.SendAsync(Request(HttpMethod.Get, hub + "/api/v1/inbox?wait=25", key));
    }

    /// <summary>Confirm what was stored under its delivery id; repeat until there is an answer.</summary>
    public static Task<HttpResponseMessage> Confirm(string hub, string key, string deliveryId, long leaseToken)
    {
        var request = Request(HttpMethod.Post, hub + "/api/v1/inbox/" + deliveryId + "/confirm", key);
        string json = "{\"lease_token\":" + leaseToken + "}";
        request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        return Http.SendAsync(request);
    }

    /// <summary>Check the signature of a webhook call before anything of it is believed.</summary>
    public static bool IsFromTheHub(
        string deliveryId, string timestamp, string signature, byte[] body, byte[] secret)
    {
        string digest;
        using (var sha = SHA256.Create()) digest = Hex(sha.ComputeHash(body));
        string good = "v1=" + Hmac(secret, deliveryId + "." + timestamp + "." + digest);
        long sent, now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        bool fresh = long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out sent)
            && sent > now - 300 && sent < now + 300;
        return fresh & signature.Split(',').Aggregate(false, (found, each) => found | Same(good, each));
    }

    /// <summary>Call an operation of the national exchange's client API. Parameters in ASCII only. Any but
    /// downloadEdoc, which is called by GET and answers without JSON: take getEdoc. An answer that is no JSON
    /// is an outage, never "no mail".</summary>
    public static Task<HttpResponseMessage> Vxp(
        string endpoint, string systemId, string secret, string operation,
        IDictionary<string, string> parameters, byte[] body)
    {
        bool document = operation == "sendEdoc";
        var signed = new List<KeyValuePair<string, string>>();
        Action<string, string> add = (name, value) => signed.Add(new KeyValuePair<string, string>(name, value));
        add("systemid", systemId);
        foreach (var each in parameters) add(each.Key, each.Value);
        if (document)
        {
            using (var sha = SHA256.Create()) add("hash-file", Hex(sha.ComputeHash(body)));
        }
        DateTime vietnam = DateTime.UtcNow.AddHours(7);
        add("timestamp", vietnam.ToString("ddMMyyyy'T'HHmmss'+0'fff", CultureInfo.InvariantCulture));
        add("Content-Type", document ? "application/octet-stream" : "application/json");
        string text = "{" + string.Join(",", signed.Select(
            each => "\"XroadVnpt-" + each.Key + "\":\"" + Escaped(each.Value) + "\"")) + "}";

        var request = new HttpRequestMessage(HttpMethod.Post, endpoint + "/" + operation);
        foreach (var each in signed) request.Headers.TryAddWithoutValidation("XroadVnpt-" + each.Key, each.Value);
        request.Headers.TryAddWithoutValidation(
            "XroadVnpt-sign-header-key", string.Join(";", signed.Select(each => each.Key)));
        request.Headers.TryAddWithoutValidation("XroadVnpt-sign-header", text);
        request.Headers.TryAddWithoutValidation(
            "XroadVnpt-hash-header", Hmac(Encoding.UTF8.GetBytes(secret), text));
        request.Content = new ByteArrayContent(body);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(signed.Last().Value);
        return Http.SendAsync(request);
    }

    private static HttpRequestMessage Request(HttpMethod method, string url, string key)
    {
        var request = new HttpRequestMessage(method, url);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return request;
    }

    private static string Escaped(string value)
    {
        return value.Replace("\\", "\\\\").Replace("\"", "\\\"");
    }

    private static string Hmac(byte[] key, string text)
    {
        using (var mac = new HMACSHA256(key)) return Hex(mac.ComputeHash(Encoding.UTF8.GetBytes(text)));
    }

    private static string Hex(byte[] bytes)
    {
        return string.Concat(bytes.Select(each => each.ToString("x2")));
    }

    // .NET Framework has no comparison in constant time.
    private static bool Same(string one, string other)
    {
        int differs = one.Length ^ other.Length;
        for (int n = 0; n < Math.Min(one.Length, other.Length); n++) differs |= one[n] ^ other[n];
        return differs == 0;
    }
}
