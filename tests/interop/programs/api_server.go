// An API server of Kubernetes as far as it says who calls: its own authenticators judge the bearer token as the
// AuthenticationConfiguration says, and `kubectl auth whoami` is answered. A refusal says why, which a real one logs.
//
//	api_server CONFIGURATION CERTIFICATE KEY
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"time"

	v1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

type authority string

func (pem authority) CurrentCABundleContent() []byte { return []byte(pem) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// configured reads the file as kube-apiserver does, which takes no field that it does not know.
func configured(file string) apiserver.JWTAuthenticator {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	decoded := must(runtime.Decode(codecs.UniversalDecoder(), must(os.ReadFile(file))))
	return decoded.(*apiserver.AuthenticationConfiguration).JWT[0]
}

func main() {
	authenticator := configured(os.Args[1])
	token := must(oidc.New(context.Background(), oidc.Options{
		JWTAuthenticator:     authenticator,
		CAContentProvider:    authority(authenticator.Issuer.CertificateAuthority),
		SupportedSigningAlgs: oidc.AllValidSigningAlgorithms(),
	}))
	for token.HealthCheck() != nil {
		time.Sleep(50 * time.Millisecond)
	}
	request := bearertoken.New(token)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		found, ok, err := request.AuthenticateRequest(r)
		if !ok {
			refused := metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonUnauthorized, Code: 401}
			refused.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
			if refused.Message = "Unauthorized"; err != nil {
				refused.Message = err.Error()
			}
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(refused)
			return
		}
		review := v1.SelfSubjectReview{TypeMeta: metav1.TypeMeta{Kind: "SelfSubjectReview", APIVersion: "authentication.k8s.io/v1"}}
		review.Status.UserInfo = v1.UserInfo{Username: found.User.GetName(), Groups: found.User.GetGroups()}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(review)
	})
	panic(http.ListenAndServeTLS("127.0.0.1:"+os.Getenv("PORT"), os.Args[2], os.Args[3], nil))
}
